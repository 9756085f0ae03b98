-- What an outside system did not take yet: to be tried again, or parked since it refused for good. A row names whom it
-- is about and in which scope; what is sent is how that stands when it is sent.
CREATE TABLE sync_items (
	destination TEXT   NOT NULL,
	subject     BYTEA  NOT NULL,
	scope       TEXT   NOT NULL,
	seq         BIGINT NOT NULL, -- the latest entry that it follows from
	since       BIGINT NOT NULL, -- the earliest entry that restricts and was not taken; 0: none does
	since_at    BIGINT NOT NULL, -- when that was recorded
	parked      BIGINT NOT NULL,
	attempts    BIGINT NOT NULL,
	due_at      BIGINT NOT NULL,
	code        TEXT   NOT NULL, -- the system's own
	reason      TEXT   NOT NULL,
	PRIMARY KEY (destination, subject, scope)
) /* clustered */;
CREATE INDEX sync_items_due ON sync_items (destination, parked, due_at);

-- When each outside system acknowledged each act that restricts.
CREATE TABLE sync_acks (
	destination TEXT   NOT NULL,
	seq         BIGINT NOT NULL,
	recorded_at BIGINT NOT NULL,
	acked_at    BIGINT NOT NULL,
	PRIMARY KEY (destination, seq)
) /* clustered */;
