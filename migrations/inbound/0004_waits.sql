-- Waits for the provider, deadlines, and what was the matter with a container.

-- What the message waits for, since and until when, how often in a row; the provider named the time.
ALTER TABLE messages_in ADD COLUMN waits_for TEXT
    CHECK (waits_for IN ('limit', 'billing', 'overloaded', 'network'));
ALTER TABLE messages_in ADD COLUMN wait_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages_in ADD COLUMN wait_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages_in ADD COLUMN wait_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages_in ADD COLUMN wait_known INTEGER NOT NULL DEFAULT 0 CHECK (wait_known IN (0, 1));
-- The wait that its chat was told of.
ALTER TABLE messages_in ADD COLUMN told_of TEXT;
ALTER TABLE messages_in ADD COLUMN told_until INTEGER;
-- It was late and is given up then.
ALTER TABLE messages_in ADD COLUMN last_chance INTEGER;
-- A wait took the place of the line that said that it is being worked on.
ALTER TABLE messages_in ADD COLUMN line_gone INTEGER NOT NULL DEFAULT 0 CHECK (line_gone IN (0, 1));

-- How far the waits that the runner reported were taken over.
ALTER TABLE taken_over ADD COLUMN wait INTEGER NOT NULL DEFAULT 0;

-- A word, and a detail that belongs to it: the memory it had, the tool it ran.
ALTER TABLE launches ADD COLUMN trouble TEXT;
ALTER TABLE launches ADD COLUMN detail TEXT;
