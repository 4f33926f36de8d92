-- What is old is found by its age, not by looking at everything.
CREATE INDEX messages_in_ended ON messages_in (ended_at) WHERE ended_at IS NOT NULL;
-- The last message of each chat stays: it says where to write.
CREATE INDEX messages_in_chat ON messages_in (channel, account, chat, seq) WHERE kind <> 'context';
CREATE INDEX deliveries_ended ON deliveries (changed_at) WHERE state IN ('sent', 'dead');
CREATE INDEX requests_cause ON requests (cause);

-- It waited when a backup of these files was made, so its sender may have an answer that the backup
-- does not know. What answers it says that it may be a repetition.
ALTER TABLE messages_in ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1));
