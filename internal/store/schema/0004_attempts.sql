-- Contacts made, tried, or about to be made: what caps count. They are far more than acts and prove nothing, so they are
-- no entries. The number is sealed; rows are deleted once no cap can count them.
CREATE TABLE attempts (
	id        BYTEA  PRIMARY KEY, -- drawn, or a keyed hash of the caller's name for it, so that it counts once
	recipient BYTEA  NOT NULL,    -- HMAC-SHA-256 of the number, as in subjects.lookup
	sealed    BYTEA  NOT NULL,    -- number
	brand     TEXT   NOT NULL,
	class     BIGINT NOT NULL,
	channel   BIGINT NOT NULL,
	contact   BIGINT NOT NULL,    -- 0 ordinary, 1 a request for consent, 2 the confirmation of an opt-out
	outcome   BIGINT NOT NULL,    -- 0 made, 1 nobody answered, 2 a conversation
	matter    BIGINT NOT NULL,    -- keyed hashes of what it was about; 0: unknown
	event     BIGINT NOT NULL,
	state     BIGINT NOT NULL,    -- 0 reserved, 1 confirmed, 2 released
	made_at   BIGINT NOT NULL
);
CREATE INDEX attempts_by_time ON attempts (made_at);
CREATE INDEX attempts_of_recipient ON attempts (recipient);
