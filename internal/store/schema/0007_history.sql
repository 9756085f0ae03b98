-- What questions about the past look up: every change of the rules, and when a contact was told of.
CREATE INDEX ledger_of_rules ON ledger (seq) WHERE kind = 9;
ALTER TABLE attempts ADD COLUMN recorded_at BIGINT NOT NULL DEFAULT 0;
