-- Turns that ended with a wait for the provider. Their messages are claimed by nobody afterwards.
CREATE TABLE waits (
    id          INTEGER PRIMARY KEY,
    message     INTEGER NOT NULL,      -- the oldest one of the turn
    incarnation INTEGER NOT NULL,
    class       TEXT    NOT NULL,
    until       INTEGER                -- when the provider says that it goes on; NULL if it does not
) STRICT;
