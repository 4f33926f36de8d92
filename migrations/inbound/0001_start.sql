-- The mailbox from the host to a session's runner: a copy of what concerns it. The host writes it from
-- the central database and makes it again when it is gone.

-- Messages without an outcome, with all that the agent is shown of them; answers to what the agent asked of
-- the host, by the runner's message that asked; and what else the runner has to know.
CREATE TABLE item (
    kind TEXT    NOT NULL CHECK (kind IN ('message', 'answer', 'facts')),
    seq  INTEGER NOT NULL,
    json TEXT    NOT NULL,
    PRIMARY KEY (kind, seq)
) STRICT;
