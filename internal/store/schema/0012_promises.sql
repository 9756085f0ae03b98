-- How long a node may answer after a poll, in microseconds; -1: every check polls; 0: a release that did not say.
-- Nodes that differ would break each other's word, so the later one does not start.
ALTER TABLE nodes ADD COLUMN lease BIGINT NOT NULL DEFAULT 0;
