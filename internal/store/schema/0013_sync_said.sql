-- What was said to systems that report their changes back, and between which moments, so that an echo is known for one.
CREATE TABLE sync_said (
	destination TEXT   NOT NULL,
	subject     BYTEA  NOT NULL,
	scope       TEXT   NOT NULL,
	seq         BIGINT NOT NULL,
	granted     BIGINT NOT NULL,
	from_at     BIGINT NOT NULL, -- when it was first sent
	to_at       BIGINT NOT NULL, -- when it was acknowledged
	PRIMARY KEY (destination, subject, scope, seq, granted)
) /* clustered */;
