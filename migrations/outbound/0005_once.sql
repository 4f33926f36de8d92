-- What the turn that this one began cost, in millionths of a dollar; NULL for messages that joined it
-- and where the provider does not say.
ALTER TABLE claims ADD COLUMN cost INTEGER;

-- During which attempt at a turn something was said: the oldest message in hand, the incarnation, and
-- how often that had begun anew with its agent's program. NULL: before this was kept, or no turn.
ALTER TABLE messages_out ADD COLUMN turn INTEGER;
ALTER TABLE messages_out ADD COLUMN incarnation INTEGER;
ALTER TABLE messages_out ADD COLUMN attempt INTEGER;
