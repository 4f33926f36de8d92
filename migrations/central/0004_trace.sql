-- How parts fared, as in a session's database; and parts that were given up, until and after the
-- owner of the host was told.

ALTER TABLE deliveries ADD COLUMN created_at INTEGER;
ALTER TABLE deliveries ADD COLUMN claimed_at INTEGER;
ALTER TABLE deliveries ADD COLUMN sent_at INTEGER;
ALTER TABLE deliveries ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN untold INTEGER CHECK (untold IN (0, 1));

CREATE TABLE dead_letter (
    id      INTEGER PRIMARY KEY,
    key     TEXT    NOT NULL,         -- across the host: `s7.o3.0`, `host.q5.0`
    agent   TEXT    NOT NULL,         -- empty: the host itself wrote it
    channel TEXT    NOT NULL,
    account TEXT    NOT NULL,
    chat    TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    died_at INTEGER NOT NULL,
    told_at INTEGER,
    UNIQUE (key, died_at)
) STRICT;
CREATE INDEX dead_letter_untold ON dead_letter (id) WHERE told_at IS NULL;
