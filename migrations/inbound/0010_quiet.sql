-- Nobody waits for it, and its reader wanted to be left alone: `held` until that is over. Then it is
-- `released`; the `first` of what was held says so.
ALTER TABLE deliveries ADD COLUMN quiet TEXT CHECK (quiet IN ('held', 'first', 'released'));
-- It is said in one message with the part of this key, and shares its fate.
ALTER TABLE deliveries ADD COLUMN said_with TEXT;
CREATE INDEX deliveries_held ON deliveries (id) WHERE quiet = 'held';
CREATE INDEX deliveries_said_with ON deliveries (said_with) WHERE said_with IS NOT NULL;

-- In whose time the people who write here live, as of their last message: `channel:id` and a name
-- of the IANA time zone database. The empty sender stands for everybody else.
CREATE TABLE zones (
    sender TEXT PRIMARY KEY,
    zone   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
