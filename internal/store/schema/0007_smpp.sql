-- What an SMSC delivered. SMPP gives messages no IDs, and sends long ones in parts.

-- The parts of long messages, until the others have come and for a while after that.
CREATE TABLE smpp_parts (
	message   BYTEA  NOT NULL, -- a keyed hash of who wrote to whom, under which reference, in how many parts
	part      BIGINT NOT NULL,
	recipient BYTEA  NOT NULL, -- who wrote, as in subjects.lookup
	sealed    BYTEA  NOT NULL,
	since     BIGINT NOT NULL,
	taken     BIGINT NOT NULL, -- 1 once the whole message was taken in
	PRIMARY KEY (message, part)
);
CREATE INDEX smpp_parts_by_time ON smpp_parts (since);
CREATE INDEX smpp_parts_of_recipient ON smpp_parts (recipient);

-- What was heard of late, so that a message that is delivered again is known.
CREATE TABLE smpp_heard (
	message   BYTEA  PRIMARY KEY, -- a keyed hash of who wrote what to whom
	recipient BYTEA  NOT NULL,
	event     TEXT   NOT NULL,
	heard_at  BIGINT NOT NULL
);
CREATE INDEX smpp_heard_by_time ON smpp_heard (heard_at);
CREATE INDEX smpp_heard_of_recipient ON smpp_heard (recipient);
