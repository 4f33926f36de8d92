-- The mailbox from a session's runner to the host: what the agent did and said. Written by the runner
-- alone; the host only reads it, and trusts nothing in it.

CREATE TABLE messages_out (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0 AND seq % 2 = 1),
    in_reply_to INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    text        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    form        TEXT    NOT NULL DEFAULT '"text"', -- JSON
    destination TEXT,                -- NULL: the chat that is answered
    -- During which attempt at a turn it was said: the oldest message in hand, the incarnation, and how
    -- often that had started its agent's program again.
    turn        INTEGER,
    incarnation INTEGER,
    attempt     INTEGER
) STRICT;

CREATE TABLE claims (
    message     INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    claimed_at  INTEGER NOT NULL,
    outcome     TEXT    CHECK (outcome IN ('answered', 'silent', 'declined', 'failed')),
    reason      TEXT,
    reply       INTEGER,              -- the message out that answers it, with others perhaps
    -- What the turn that it began cost, in millionths of a dollar; NULL for messages that joined it and
    -- where the provider does not say.
    cost        INTEGER,
    PRIMARY KEY (message, incarnation)
) STRICT, WITHOUT ROWID;

-- What was found in the files of a message, before its turn: a JSON list.
CREATE TABLE file_texts (
    message INTEGER PRIMARY KEY,
    texts   TEXT    NOT NULL
) STRICT;

-- What the runner keeps for the next incarnation; the host keeps a copy.
CREATE TABLE session_state (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which tools were used for a message; never with what, and never what they gave.
CREATE TABLE tool_calls (
    id          INTEGER PRIMARY KEY,
    message     INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    call        TEXT    NOT NULL,     -- the provider's name of this call
    name        TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    ok          INTEGER CHECK (ok IN (0, 1)),
    CHECK ((ended_at IS NULL) = (ok IS NULL))
) STRICT;
CREATE INDEX tool_calls_message ON tool_calls (message);
CREATE INDEX tool_calls_call ON tool_calls (call);

-- Turns that ended with a wait for the provider. Their messages are claimed by nobody afterwards.
CREATE TABLE waits (
    id          INTEGER PRIMARY KEY,
    message     INTEGER NOT NULL,      -- the oldest one of the turn
    incarnation INTEGER NOT NULL,
    class       TEXT    NOT NULL,
    until       INTEGER                -- when the provider says that it goes on; NULL if it does not
) STRICT;
