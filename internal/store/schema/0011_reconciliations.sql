-- What came of holding an outside system's list against the ledger. It tells of nobody: counts alone.
CREATE TABLE reconciliations (
	destination TEXT   NOT NULL,
	began_at    BIGINT NOT NULL,
	ended_at    BIGINT NOT NULL,
	caller      TEXT   NOT NULL, -- the caller; "schedule" if it was due
	outcome     TEXT   NOT NULL, -- JSON: counts by kind, and what a repair did
	PRIMARY KEY (destination, began_at)
) /* clustered */;
