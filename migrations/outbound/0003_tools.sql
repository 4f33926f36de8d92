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
