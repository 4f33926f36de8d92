-- What a session was told and what became of it. Written by the host alone; the container sees it
-- through a read-only mount.

CREATE TABLE messages_in (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0 AND seq % 2 = 0),
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    thread      TEXT,
    platform_id TEXT    NOT NULL,
    sender_id   TEXT    NOT NULL,
    sender_name TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    released    INTEGER NOT NULL DEFAULT 0,   -- the last incarnation whose claim was taken back
    told        INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    outcome     TEXT    CHECK (outcome IN ('answered', 'silent', 'declined', 'failed')),
    reason      TEXT,
    ended_at    INTEGER,
    reply       INTEGER,                      -- the runner's message that answers it
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    UNIQUE (channel, account, chat, platform_id)
) STRICT;

CREATE INDEX messages_in_waiting ON messages_in (seq) WHERE outcome IS NULL;
CREATE INDEX messages_in_reply ON messages_in (reply);

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,          -- the order within the session
    key         TEXT    NOT NULL UNIQUE,
    out_seq     INTEGER,                      -- NULL for what the host says itself
    cause       INTEGER NOT NULL REFERENCES messages_in (seq),
    kind        TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    text        TEXT    NOT NULL,
    state       TEXT    NOT NULL
                CHECK (state IN ('ready', 'claimed', 'sent', 'unsent', 'uncertain', 'dead')),
    tries       INTEGER NOT NULL DEFAULT 0,
    retry_at    INTEGER NOT NULL DEFAULT 0,
    doubted     INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)),   -- once seen perhaps, for ever
    platform_id TEXT,
    reason      TEXT,
    changed_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_open ON deliveries (id) WHERE state NOT IN ('sent', 'dead');
CREATE INDEX deliveries_out_seq ON deliveries (out_seq);

CREATE TABLE launches (
    incarnation INTEGER PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    bad         INTEGER CHECK (bad IN (0, 1)),
    answered    INTEGER NOT NULL DEFAULT 0,   -- messages that it brought to an end
    reason      TEXT,
    CHECK ((ended_at IS NULL) = (bad IS NULL))
) STRICT;
