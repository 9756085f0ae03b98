-- The head is one row, locked by whoever appends: it numbers the entries, so that they are contiguous and in commit order.
CREATE TABLE head (
	id           BIGINT PRIMARY KEY,
	deployment   TEXT   NOT NULL, -- a random name of this ledger, so that two are never confused
	key_check    BYTEA  NOT NULL, -- tells whether a master key is the one this data was written with
	seq          BIGINT NOT NULL,
	recorded_at  BIGINT NOT NULL,
	next_subject BIGINT NOT NULL,
	next_scope   BIGINT NOT NULL
);

-- Every act, numbered without gaps and never changed. The body is sealed with its subject's key.
CREATE TABLE ledger (
	seq         BIGINT PRIMARY KEY,
	recorded_at BIGINT NOT NULL,
	subject     BIGINT NOT NULL, -- 0: about no person
	kind        BIGINT NOT NULL,
	body        BYTEA  NOT NULL,
	leaf        BYTEA  NOT NULL  -- the commitment that the Merkle leaf holds
) /* in parts by range of seq */;
CREATE INDEX ledger_by_subject ON ledger (subject, seq) WHERE subject > 0;

-- A person reached at a number. Deleting the row erases them: their key is in it.
CREATE TABLE subjects (
	id      BIGINT PRIMARY KEY,
	subject BYTEA NOT NULL UNIQUE,
	lookup  BYTEA NOT NULL UNIQUE, -- HMAC-SHA-256 of the number
	sealed  BYTEA NOT NULL         -- the number and the data key, under the sealing key
);

CREATE TABLE scopes (
	id      BIGINT PRIMARY KEY,
	brand   TEXT NOT NULL,
	purpose TEXT NOT NULL,
	channel TEXT NOT NULL,
	UNIQUE (brand, purpose, channel)
);

-- Where each subject stands in each scope: a fold of the entries, written in their transaction.
CREATE TABLE records (
	subject        BIGINT NOT NULL,
	scope          BIGINT NOT NULL,
	status         BIGINT NOT NULL,
	level          BIGINT NOT NULL,
	confirmed      BIGINT NOT NULL,
	source         BIGINT NOT NULL,
	evidenced      BIGINT NOT NULL,
	granted_at     BIGINT,
	valid_until    BIGINT,
	review_at      BIGINT,
	requested_at   BIGINT,
	restricted_at  BIGINT,
	under          BIGINT NOT NULL,
	disclosure     TEXT,
	entry          BIGINT NOT NULL,
	conflict       BIGINT NOT NULL,
	version        BIGINT NOT NULL,
	last_at        BIGINT NOT NULL,
	last_restricts BIGINT NOT NULL,
	last_seq       BIGINT NOT NULL,
	PRIMARY KEY (subject, scope)
) /* clustered */ /* in parts by hash of subject */;
CREATE INDEX records_in_conflict ON records (conflict) WHERE conflict > 0;

-- What has been told before: idempotency keys and the event ids of sources, both as keyed hashes, for ever.
CREATE TABLE seen (
	digest  BYTEA  PRIMARY KEY,
	content BYTEA  NOT NULL,
	seq     BIGINT NOT NULL
) /* clustered */;

-- What operators define. The body is JSON; seq is the entry that last changed it.
CREATE TABLE definitions (
	kind TEXT   NOT NULL, -- brand, purpose, sender, disclosure, list, key …
	id   TEXT   NOT NULL,
	body TEXT   NOT NULL,
	seq  BIGINT NOT NULL,
	PRIMARY KEY (kind, id)
) /* clustered */;

-- The members of suppression lists; the number is enciphered under the list's key.
CREATE TABLE list_members (
	list   BIGINT NOT NULL,
	member BYTEA  NOT NULL,
	PRIMARY KEY (list, member)
) /* clustered */;

-- How far each follower of the changefeed has come.
CREATE TABLE cursors (
	follower TEXT   NOT NULL,
	seq      BIGINT NOT NULL,
	PRIMARY KEY (follower)
) /* clustered */;

CREATE TABLE log_tiles (
	level  BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	hashes BYTEA  NOT NULL,
	PRIMARY KEY (level, n)
);
CREATE TABLE log_state (
	id       BIGINT PRIMARY KEY,
	size     BIGINT NOT NULL,
	frontier BYTEA  NOT NULL
);
CREATE TABLE checkpoints (
	size      BIGINT PRIMARY KEY,
	signed_at BIGINT NOT NULL,
	note      TEXT   NOT NULL
);
