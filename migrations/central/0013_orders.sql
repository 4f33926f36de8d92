-- Orders to the whole host that came from a chat and were carried out: a platform may deliver them again
-- when the opposite was ordered since.
CREATE TABLE obeyed (
    channel TEXT    NOT NULL,
    account TEXT    NOT NULL,
    chat    TEXT    NOT NULL,
    message TEXT    NOT NULL,   -- the platform's id
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, account, chat, message)
) STRICT, WITHOUT ROWID;
