-- What changed since an entry is asked by every node, many times a second.
CREATE INDEX definitions_by_seq ON definitions (seq);

-- A row for each process that follows the ledger, which counts its polls: a poll is proof only if it was committed.
CREATE TABLE nodes (
	incarnation BYTEA  PRIMARY KEY, -- random, new at each start: no process takes the place of one that is only cut off
	polls       BIGINT NOT NULL
);

-- Who does the work that must be done by one node at a time. No time is stored, since nobody could compare it.
CREATE TABLE leaders (
	job    TEXT   PRIMARY KEY,
	holder BYTEA  NOT NULL,
	term   BIGINT NOT NULL -- grows while the holder lives
);

-- The latest changes of lists that are not replaced as a whole, for nodes that follow them.
CREATE TABLE list_changes (
	seq    BIGINT NOT NULL,
	list   BIGINT NOT NULL,
	member BYTEA  NOT NULL,
	added  BIGINT NOT NULL,
	PRIMARY KEY (seq, list, member)
) /* clustered */;

-- Members that are being loaded for a list, and by which node: they are nobody's until the list is replaced.
CREATE TABLE list_loads (
	list BIGINT PRIMARY KEY,
	node BYTEA  NOT NULL
);
