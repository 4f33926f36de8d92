-- What the agent did and said. Written by the runner alone; the host only reads it, and trusts
-- nothing in it: the agent runs as the same user as the runner.

CREATE TABLE messages_out (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0 AND seq % 2 = 1),
    in_reply_to INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    text        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE claims (
    message     INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    claimed_at  INTEGER NOT NULL,
    outcome     TEXT    CHECK (outcome IN ('answered', 'silent', 'declined', 'failed')),
    reason      TEXT,
    reply       INTEGER,              -- the message out that answers it, with others perhaps
    PRIMARY KEY (message, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_state (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
