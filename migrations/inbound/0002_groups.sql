-- Several chats, people who only overhear, files, requests of the agent to the host.

-- `context` was overheard: shown with the next message that is for the agent, never by itself.
ALTER TABLE messages_in ADD COLUMN kind TEXT NOT NULL DEFAULT 'chat'
    CHECK (kind IN ('chat', 'context', 'command'));
ALTER TABLE messages_in ADD COLUMN is_group INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages_in ADD COLUMN chat_title TEXT NOT NULL DEFAULT '';
ALTER TABLE messages_in ADD COLUMN quote_sender TEXT;
ALTER TABLE messages_in ADD COLUMN quote_text TEXT;
ALTER TABLE messages_in ADD COLUMN sent_at INTEGER;
-- Its chat was shown that the work takes a while.
ALTER TABLE messages_in ADD COLUMN status INTEGER NOT NULL DEFAULT 0 CHECK (status IN (0, 1));

CREATE TABLE files_in (
    message  INTEGER NOT NULL REFERENCES messages_in (seq),
    ordinal  INTEGER NOT NULL,
    kind     TEXT    NOT NULL
             CHECK (kind IN ('image', 'audio', 'voice', 'video', 'sticker', 'document')),
    name     TEXT    NOT NULL,            -- as its sender called it
    mime     TEXT    NOT NULL,
    bytes    INTEGER,
    source   TEXT    NOT NULL,            -- for the adapter alone
    state    TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'here', 'failed')),
    path     TEXT,                        -- within the folder of the database
    reason   TEXT,
    tries    INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message, ordinal),
    CHECK ((state = 'here') = (path IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX files_in_pending ON files_in (message) WHERE state = 'pending';

-- Chats that this agent may write to by name, as of the last look at the central database.
CREATE TABLE destinations (
    name    TEXT PRIMARY KEY,
    title   TEXT NOT NULL,
    channel TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the agent asks of the host: a question to a person, a change. The runner reads the answer.
CREATE TABLE requests (
    out_seq    INTEGER PRIMARY KEY,
    cause      INTEGER NOT NULL REFERENCES messages_in (seq),
    form       TEXT    NOT NULL CHECK (form IN ('question', 'admin')),
    text       TEXT    NOT NULL,
    options    TEXT    NOT NULL DEFAULT '[]',
    timeout_ms INTEGER NOT NULL DEFAULT 0,
    asked_at   INTEGER NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'passed', 'answered')),
    ok         INTEGER CHECK (ok IN (0, 1)),
    answer     TEXT,
    CHECK ((state = 'answered') = (ok IS NOT NULL AND answer IS NOT NULL))
) STRICT;
CREATE INDEX requests_open ON requests (out_seq) WHERE state = 'open';

-- How far the runner's messages were taken over.
CREATE TABLE taken_over (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    out_seq INTEGER NOT NULL
) STRICT;
INSERT INTO taken_over SELECT 1, coalesce(max(out_seq), 0) FROM deliveries;

-- The last incarnation that a person stopped; it gets nothing more and says nothing more.
CREATE TABLE halted (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation INTEGER NOT NULL
) STRICT;
INSERT INTO halted VALUES (1, 0);

-- Parts know by themselves where they go: not always to the chat of what led to them.
CREATE TABLE deliveries_new (
    id          INTEGER PRIMARY KEY,          -- the order within the session
    key         TEXT    NOT NULL UNIQUE,
    out_seq     INTEGER,                      -- NULL for what the host says itself
    cause       INTEGER NOT NULL REFERENCES messages_in (seq),
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    thread      TEXT,
    reply_to    TEXT    NOT NULL DEFAULT '',
    kind        TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    form        TEXT    NOT NULL DEFAULT 'text'
                CHECK (form IN ('text', 'file', 'card', 'edit', 'reaction')),
    text        TEXT    NOT NULL,
    target      TEXT,
    file        TEXT,
    buttons     TEXT,
    state       TEXT    NOT NULL
                CHECK (state IN ('ready', 'claimed', 'sent', 'unsent', 'uncertain', 'dead')),
    tries       INTEGER NOT NULL DEFAULT 0,
    retry_at    INTEGER NOT NULL DEFAULT 0,
    doubted     INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)),   -- once seen perhaps, for ever
    platform_id TEXT,
    reason      TEXT,
    changed_at  INTEGER NOT NULL,
    CHECK ((form IN ('edit', 'reaction')) = (target IS NOT NULL)),
    CHECK ((form = 'file') = (file IS NOT NULL))
) STRICT;
INSERT INTO deliveries_new
    SELECT d.id, d.key, d.out_seq, d.cause, m.channel, m.account, m.chat, m.thread, m.platform_id,
           d.kind, 'text', d.text, NULL, NULL, NULL, d.state, d.tries, d.retry_at, d.doubted,
           d.platform_id, d.reason, d.changed_at
    FROM deliveries d JOIN messages_in m ON m.seq = d.cause;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_open ON deliveries (id) WHERE state NOT IN ('sent', 'dead');
CREATE INDEX deliveries_out_seq ON deliveries (out_seq);
