-- The slot of a task as people there write it, for what the host and the agent say about it.
ALTER TABLE messages_in ADD COLUMN slot_local TEXT;
-- How many slots before this one were let pass because nobody was there.
ALTER TABLE messages_in ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
-- The central database knows how it ended.
ALTER TABLE messages_in ADD COLUMN reported INTEGER NOT NULL DEFAULT 0 CHECK (reported IN (0, 1));

-- Once, even where the chat got another id meanwhile.
CREATE UNIQUE INDEX messages_in_task ON messages_in (task, slot) WHERE task IS NOT NULL;
CREATE INDEX messages_in_unreported ON messages_in (seq)
    WHERE task IS NOT NULL AND reported = 0 AND outcome IS NOT NULL;
