-- When a session's old rows were last pruned; 0 for never.
ALTER TABLE session ADD COLUMN pruned_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_pruned ON session (pruned_at);

-- What is old is found by its age, not by looking at everything.
CREATE INDEX deliveries_ended ON deliveries (changed_at) WHERE state IN ('sent', 'dead');
CREATE INDEX question_settled ON question (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX question_card_part ON question_card (part);
CREATE INDEX dropped_last ON dropped (last_at);
