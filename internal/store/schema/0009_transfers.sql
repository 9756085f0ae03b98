-- A transfer of the whole deployment to another database. While a row is here nobody serves this database and nothing
-- is appended: either it is a copy that is not whole yet, or its deployment goes on elsewhere.
CREATE TABLE transfers (
	id         BIGINT PRIMARY KEY, -- always 1
	filled     BIGINT NOT NULL, -- 1: this is the copy; 0: this is the original
	deployment TEXT   NOT NULL,
	other      TEXT   NOT NULL, -- the other database, without a password
	whole      BIGINT NOT NULL, -- 1: the copy is whole and was verified
	begun_at   BIGINT NOT NULL
);

-- How far each table has come, in the database that is filled, so that an interrupted transfer goes on from there.
CREATE TABLE transferred (
	name   TEXT   NOT NULL,
	n      BIGINT NOT NULL, -- rows so far
	digest BYTEA  NOT NULL, -- of these rows as they were read
	after  TEXT   NOT NULL, -- the key of the last of them
	whole  BIGINT NOT NULL,
	PRIMARY KEY (name)
) /* clustered */;
