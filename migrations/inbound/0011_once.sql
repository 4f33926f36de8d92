-- What the turn that this message began cost, in millionths of a dollar, by the runner's word. NULL for
-- messages that joined it and where the provider does not say.
ALTER TABLE messages_in ADD COLUMN cost INTEGER;

-- The attempt at a turn during which a request came, by the runner's word, as in `messages_out`.
ALTER TABLE requests ADD COLUMN turn INTEGER;
ALTER TABLE requests ADD COLUMN incarnation INTEGER;
ALTER TABLE requests ADD COLUMN attempt INTEGER;
-- The request of an earlier attempt that this one repeats: it is not carried out again, and gets the
-- same answer.
ALTER TABLE requests ADD COLUMN repeats INTEGER;
CREATE INDEX requests_turn ON requests (turn) WHERE turn IS NOT NULL;
CREATE INDEX requests_repeats ON requests (repeats) WHERE repeats IS NOT NULL;
