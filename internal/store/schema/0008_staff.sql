-- Who is signed in to the console, and tokens on the way there. Only the SHA-256 of a token is kept. Sessions are not
-- worth carrying over from the table that rested on access keys alone.
DROP TABLE sessions;
CREATE TABLE sessions (
	token      BYTEA  PRIMARY KEY,
	kind       BIGINT NOT NULL, -- a session, a link that signs in once, or a password that waits for its second factor
	caller     TEXT   NOT NULL, -- on whom it rests, as entries name them; empty: a link that lets the first person in
	how        TEXT   NOT NULL, -- in which way they proved who they are
	browser    TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
) /* clustered */;
CREATE INDEX sessions_by_caller ON sessions (caller);

-- How people prove who they are. Secrets are sealed; a recovery code has none, since its id is its hash.
CREATE TABLE credentials (
	id         BYTEA  PRIMARY KEY,
	person     TEXT   NOT NULL,
	kind       BIGINT NOT NULL, -- password, code generator, passkey, recovery code
	name       TEXT   NOT NULL,
	secret     BYTEA  NOT NULL,
	counter    BIGINT NOT NULL, -- of a code generator: the last step that was used
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL
) /* clustered */;
CREATE INDEX credentials_by_person ON credentials (person, kind);

-- Failures to sign in, one row for each account that was tried; the account is a keyed hash of what was typed.
CREATE TABLE sign_in_failures (
	account BYTEA  PRIMARY KEY,
	n       BIGINT NOT NULL, -- in a row
	last_at BIGINT NOT NULL,
	until   BIGINT NOT NULL  -- when it may be tried again
) /* clustered */;

-- Challenges that were answered: each is good once.
CREATE TABLE spent_challenges (
	digest     BYTEA  PRIMARY KEY,
	expires_at BIGINT NOT NULL
) /* clustered */;
