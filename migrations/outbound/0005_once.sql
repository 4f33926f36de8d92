-- What the turn that this one began cost, in millionths of a dollar; NULL for messages that joined it
-- and where the provider does not say.
ALTER TABLE claims ADD COLUMN cost INTEGER;
