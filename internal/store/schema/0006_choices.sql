-- Codes that let people into their own preference centre. A row is written for numbers that nobody knows as well, so
-- that how long an answer takes tells nothing. Rows are deleted after a day.
CREATE TABLE preference_codes (
	id         BYTEA  PRIMARY KEY,
	recipient  BYTEA  NOT NULL, -- HMAC-SHA-256 of the number, as in subjects.lookup
	subject    BYTEA,           -- whom the code lets in; NULL: nobody, and none was sent
	brand      TEXT   NOT NULL,
	address    BYTEA  NOT NULL, -- keyed hash of where the request came from
	code       BYTEA  NOT NULL, -- keyed hash
	misses     BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX preference_codes_by_time ON preference_codes (created_at);
CREATE INDEX preference_codes_of_recipient ON preference_codes (recipient, created_at);
CREATE INDEX preference_codes_by_address ON preference_codes (address, created_at);

-- People who asked to be erased, until somebody has seen to it. The subject is random and says nothing of the person.
CREATE TABLE erasure_requests (
	entry      BIGINT PRIMARY KEY, -- the entry of the request
	subject    BYTEA  NOT NULL,
	brand      TEXT   NOT NULL,
	asked_at   BIGINT NOT NULL,
	settled_at BIGINT
);
CREATE UNIQUE INDEX erasure_requests_open ON erasure_requests (subject, brand) WHERE settled_at IS NULL;
CREATE INDEX erasure_requests_waiting ON erasure_requests (entry) WHERE settled_at IS NULL;

-- How many questions were answered on each day (days since 1970, UTC), by verdict and by the reason that decided.
CREATE TABLE check_counts (
	day     BIGINT NOT NULL,
	verdict TEXT   NOT NULL,
	code    TEXT   NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (day, verdict, code)
) /* clustered */;

-- Who was asked and has not answered yet is listed for staff. Status 1 is pending.
CREATE INDEX records_pending ON records (entry) WHERE status = 1;
