-- The last stop of the agent that was carried out here, up to which message chats were told of it, and
-- what it came to.
CREATE TABLE stood (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    stop           INTEGER NOT NULL,
    told           INTEGER NOT NULL,
    aside          INTEGER NOT NULL,
    voided         INTEGER NOT NULL,
    sent_here      INTEGER NOT NULL,
    sent_elsewhere INTEGER NOT NULL,
    uncertain      INTEGER NOT NULL
) STRICT;
INSERT INTO stood VALUES (1, 0, 0, 0, 0, 0, 0, 0);

-- A stop says what its work had sent already.
CREATE INDEX deliveries_cause ON deliveries (cause);
