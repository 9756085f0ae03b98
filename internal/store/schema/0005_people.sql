-- Who is signed in to the console, and links that sign in once. Only the SHA-256 of a token is kept.
CREATE TABLE sessions (
	token      BYTEA  PRIMARY KEY,
	link       BIGINT NOT NULL, -- 1: a link that is used up by signing in
	key        TEXT   NOT NULL, -- the access key on which it rests
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
) /* clustered */;

-- How many acts happened on each day (days since 1970, UTC): derived from the entries by the follower "report".
CREATE TABLE act_counts (
	day     BIGINT NOT NULL,
	brand   TEXT   NOT NULL,
	purpose TEXT   NOT NULL,
	channel TEXT   NOT NULL,
	act     BIGINT NOT NULL,
	source  BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (day, brand, purpose, channel, act, source)
) /* clustered */;

-- Pages as they were shown to people who agreed on them. They say the same to everybody, so they hold no personal data.
CREATE TABLE shown_pages (
	hash     BYTEA  PRIMARY KEY, -- SHA-256 of the page
	page     BYTEA  NOT NULL,
	shown_at BIGINT NOT NULL     -- for the first time
) /* clustered */;

-- What was done that is no act of a person stands far apart in a large ledger.
CREATE INDEX ledger_administrative ON ledger (seq) WHERE kind <> 1;
