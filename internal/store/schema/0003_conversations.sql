-- Messages that are to be sent, each once. What they say and to whom is sealed, and gone as soon as they are settled.
CREATE TABLE outbox (
	id         BYTEA  PRIMARY KEY, -- a keyed hash of what the message answers, so that it is queued once
	kind       TEXT   NOT NULL,
	recipient  BYTEA  NOT NULL, -- HMAC-SHA-256 of the number, as in subjects.lookup
	sealed     BYTEA,           -- number, sender and text; NULL once settled
	state      BIGINT NOT NULL, -- 0 due, 1 being sent, 2 sent, 3 refused, 4 too late, 5 unclear
	due_at     BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	attempts   BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	receipt    TEXT
);
CREATE INDEX outbox_unsettled ON outbox (due_at) WHERE state < 2;
CREATE INDEX outbox_of_recipient ON outbox (recipient, kind, created_at);

-- What a person is to look at: messages that can be read in more than one way, senders that nobody defined.
CREATE TABLE reviews (
	id         BYTEA  PRIMARY KEY,
	reason     TEXT   NOT NULL,
	recipient  BYTEA  NOT NULL, -- whose message it is, as in subjects.lookup
	sealed     BYTEA,           -- number, text and reading; NULL once decided
	created_at BIGINT NOT NULL,
	decided_at BIGINT,
	decided_by TEXT,
	decision   TEXT
);
CREATE INDEX reviews_open ON reviews (created_at) WHERE decided_at IS NULL;

-- Requests for confirmation (double opt-in). The entry tells who was asked for what.
CREATE TABLE optins (
	id         BYTEA  PRIMARY KEY,
	recipient  BYTEA  NOT NULL, -- as in subjects.lookup
	brand      TEXT   NOT NULL,
	purpose    TEXT   NOT NULL,
	channel    TEXT   NOT NULL,
	seq        BIGINT NOT NULL, -- the entry of the request
	state      BIGINT NOT NULL, -- 0 open, 1 confirmed, 2 expired, 3 ended by a no
	secret     BYTEA,           -- a keyed hash of the code or the link's token
	misses     BIGINT NOT NULL, -- wrong codes so far
	sent       BIGINT NOT NULL, -- how often the question went out
	sent_at    BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	settled    BIGINT           -- the entry that confirmed, ended or expired it
);
CREATE INDEX optins_open ON optins (recipient) WHERE state = 0;
CREATE INDEX optins_expiring ON optins (expires_at) WHERE state = 0;
CREATE UNIQUE INDEX optins_by_secret ON optins (secret);

-- Every question that was about to go out, for the budgets that bound them. Rows outlive the longest budget by little.
CREATE TABLE optin_sends (
	id         BYTEA  PRIMARY KEY,
	recipient  BYTEA  NOT NULL,
	address    BYTEA  NOT NULL, -- keyed hash of where the request came from
	prefix     BYTEA  NOT NULL, -- keyed hash of the number less its last four digits
	region     TEXT   NOT NULL,
	asked_at   BIGINT NOT NULL,
	confirmed  BIGINT NOT NULL
);
CREATE INDEX optin_sends_by_time ON optin_sends (asked_at);
CREATE INDEX optin_sends_by_recipient ON optin_sends (recipient, asked_at);
CREATE INDEX optin_sends_by_address ON optin_sends (address, asked_at);
CREATE INDEX optin_sends_by_prefix ON optin_sends (prefix, asked_at);
CREATE INDEX optin_sends_by_region ON optin_sends (region, asked_at);

-- One row, locked by whoever spends from a budget, where writers are not alone anyway.
CREATE TABLE optin_gate (
	id BIGINT PRIMARY KEY
);
INSERT INTO optin_gate (id) VALUES (1);
