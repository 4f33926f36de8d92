-- The mailbox from the host to a session's runner: a copy of what concerns it. The host writes it from
-- the central database and makes it again when it is gone.

-- Messages without an outcome, with all that the agent is shown of them.
CREATE TABLE message (
    seq  INTEGER PRIMARY KEY,
    item TEXT NOT NULL          -- JSON
) STRICT;

-- Answers to what the agent asked of the host.
CREATE TABLE answer (
    seq  INTEGER PRIMARY KEY,   -- the runner's message that asked
    ok   INTEGER NOT NULL,
    text TEXT    NOT NULL
) STRICT;

-- What else the runner has to know, each a JSON value under its name.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
