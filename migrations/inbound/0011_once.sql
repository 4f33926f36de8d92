-- What the turn that this message began cost, in millionths of a dollar, by the runner's word. NULL for
-- messages that joined it and where the provider does not say.
ALTER TABLE messages_in ADD COLUMN cost INTEGER;
