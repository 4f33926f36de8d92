-- A message that a task sends has the platform id `task:`, the task, `:` and the slot.
ALTER TABLE messages_in ADD COLUMN task TEXT;
ALTER TABLE messages_in ADD COLUMN slot INTEGER;
ALTER TABLE messages_in ADD COLUMN late_by INTEGER;      -- in milliseconds
ALTER TABLE messages_in ADD COLUMN script TEXT;          -- runs first and decides whether to go on
