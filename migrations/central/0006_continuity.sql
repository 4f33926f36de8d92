-- The last sign of life of each account's platform. While a connection has not stated what became of
-- the gap before it, this is where the gap begins.
CREATE TABLE heard (
    channel TEXT    NOT NULL,
    account TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

-- When something was accepted there last, to within some hours.
ALTER TABLE messaging_group ADD COLUMN active_at INTEGER;
