-- How parts came about and fared, and what let a message in, for people who ask why.

ALTER TABLE deliveries ADD COLUMN created_at INTEGER;             -- NULL: before this was kept
ALTER TABLE deliveries ADD COLUMN claimed_at INTEGER;             -- the last attempt
ALTER TABLE deliveries ADD COLUMN sent_at INTEGER;
ALTER TABLE deliveries ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;   -- attempts in a row without an answer
ALTER TABLE deliveries ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;   -- attempts that may have been seen
-- NULL: alive, or given up on purpose. 1: given up, and the owner of the host is still to be told.
ALTER TABLE deliveries ADD COLUMN untold INTEGER CHECK (untold IN (0, 1));
CREATE INDEX deliveries_untold ON deliveries (id) WHERE untold = 1;

-- What the router decided by: a word, and what it was about. NULL: before this was kept.
ALTER TABLE messages_in ADD COLUMN rule TEXT;
ALTER TABLE messages_in ADD COLUMN rule_detail TEXT;
