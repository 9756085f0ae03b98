-- Attempts that many nodes count. Numbers fall into 256 stripes by their keyed hash; whoever changes an attempt first
-- raises the version of its stripe, and so waits for whoever else is about to. A row bears the version under which it
-- was last changed: what a node has not counted yet is what is newer than the version it has seen.
CREATE TABLE attempt_stripes (
	stripe  BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO attempt_stripes (stripe, version)
	WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 255)
	SELECT i, 0 FROM n;

ALTER TABLE attempts ADD COLUMN stripe BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN keep_until BIGINT NOT NULL DEFAULT 0; -- when it is deleted; rules of retention set it
UPDATE attempts SET keep_until = made_at + 34560000000000; -- 400 days
CREATE INDEX attempts_by_change ON attempts (stripe, version);
CREATE INDEX attempts_by_end ON attempts (keep_until);
