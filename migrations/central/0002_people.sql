-- People, their rights, chats and what of them is shared. Written by the host, and by the command
-- line while it holds no transaction.

-- What an agent answers to in a text; NULL is `@` and its name. What its administration tool may
-- see and ask for: nothing, its own group, or everything.
ALTER TABLE agent_group ADD COLUMN trigger TEXT;
ALTER TABLE agent_group ADD COLUMN reach TEXT NOT NULL DEFAULT 'own'
    CHECK (reach IN ('none', 'own', 'all'));

-- Accounts of ours on platforms. Their credentials lie in the vault.
CREATE TABLE account (
    channel    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    urls       TEXT    NOT NULL DEFAULT '{}',    -- a JSON object; see each adapter
    created_at INTEGER NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- How platforms name a person; one person can have several.
CREATE TABLE handle (
    channel TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    person  INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    PRIMARY KEY (channel, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX handle_person ON handle (person);

CREATE TABLE role (
    person      INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    role        TEXT    NOT NULL CHECK (role IN ('owner', 'admin')),
    agent_group TEXT    REFERENCES agent_group (name),   -- NULL: of everything
    granted_by  TEXT    NOT NULL,
    granted_at  INTEGER NOT NULL,
    CHECK (role = 'admin' OR agent_group IS NULL)
) STRICT;
CREATE UNIQUE INDEX role_once ON role (person, role, coalesce(agent_group, ''));

CREATE TABLE member (
    person      INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    agent_group TEXT    NOT NULL REFERENCES agent_group (name),
    added_by    TEXT    NOT NULL,
    added_at    INTEGER NOT NULL,
    PRIMARY KEY (person, agent_group)
) STRICT, WITHOUT ROWID;

-- Who was refused an agent. Undone by making them a member.
CREATE TABLE denial (
    channel     TEXT    NOT NULL,
    handle      TEXT    NOT NULL,
    agent_group TEXT    NOT NULL REFERENCES agent_group (name),
    name        TEXT    NOT NULL,
    denied_by   TEXT    NOT NULL,
    denied_at   INTEGER NOT NULL,
    PRIMARY KEY (channel, handle, agent_group)
) STRICT, WITHOUT ROWID;

ALTER TABLE messaging_group ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE messaging_group ADD COLUMN is_group INTEGER NOT NULL DEFAULT 0 CHECK (is_group IN (0, 1));
-- Whom to let in that nobody knows.
ALTER TABLE messaging_group ADD COLUMN policy TEXT NOT NULL DEFAULT 'ask'
    CHECK (policy IN ('strict', 'ask', 'public'));
ALTER TABLE messaging_group ADD COLUMN denied_at INTEGER;
-- The platform's id of the one other person in it, where there is only one.
ALTER TABLE messaging_group ADD COLUMN peer TEXT;
CREATE INDEX messaging_group_peer ON messaging_group (channel, peer) WHERE peer IS NOT NULL;

ALTER TABLE wiring ADD COLUMN engage TEXT NOT NULL DEFAULT 'pattern'
    CHECK (engage IN ('pattern', 'mention', 'mention-sticky'));
ALTER TABLE wiring ADD COLUMN pattern TEXT NOT NULL DEFAULT '.';     -- read for `pattern` alone
ALTER TABLE wiring ADD COLUMN scope TEXT NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'known'));
ALTER TABLE wiring ADD COLUMN ignored TEXT NOT NULL DEFAULT 'drop'
    CHECK (ignored IN ('drop', 'accumulate'));
ALTER TABLE wiring ADD COLUMN session_mode TEXT NOT NULL DEFAULT 'shared'
    CHECK (session_mode IN ('shared', 'per-thread', 'agent-shared'));
ALTER TABLE wiring ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- When an agent was last engaged where a wiring is sticky; empty thread: outside of any.
CREATE TABLE engaged (
    messaging_group INTEGER NOT NULL,
    agent_group     TEXT    NOT NULL,
    thread          TEXT    NOT NULL,
    last_at         INTEGER NOT NULL,
    PRIMARY KEY (messaging_group, agent_group, thread),
    FOREIGN KEY (messaging_group, agent_group) REFERENCES wiring ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- A session is named by what it shares: an agent everywhere (no chat), in a chat, or in a thread.
CREATE TABLE session_new (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given out twice
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    messaging_group INTEGER REFERENCES messaging_group (id),
    thread          TEXT,
    created_at      INTEGER NOT NULL,
    -- Set before a session is given anything to do, cleared after it has nothing left. A crash may
    -- leave it set for nothing, never the other way round.
    awake           INTEGER NOT NULL DEFAULT 0 CHECK (awake IN (0, 1)),
    CHECK (messaging_group IS NOT NULL OR thread IS NULL)
) STRICT;
INSERT INTO session_new SELECT id, agent_group, messaging_group, NULL, created_at, awake FROM session;
DROP TABLE session;
ALTER TABLE session_new RENAME TO session;
CREATE UNIQUE INDEX session_key ON session (agent_group, coalesce(messaging_group, 0), coalesce(thread, ''));
CREATE INDEX session_awake ON session (id) WHERE awake = 1;
CREATE INDEX session_chat ON session (messaging_group);

-- Chats that an agent may write to by name, beside the one that it answers in.
CREATE TABLE destination (
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    name            TEXT    NOT NULL,
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id) ON DELETE CASCADE,
    granted_by      TEXT    NOT NULL,
    granted_at      INTEGER NOT NULL,
    PRIMARY KEY (agent_group, name)
) STRICT, WITHOUT ROWID;

-- Messages that reached nobody, counted, without what they said.
CREATE TABLE dropped (
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    sender      TEXT    NOT NULL,
    sender_name TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (channel, account, chat, sender, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE pairing (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    code       TEXT    NOT NULL,
    -- What its use brings: a role for who sends it, and an agent for the chat that it is sent in.
    role       TEXT    CHECK (role IN ('owner', 'admin', 'member')),
    agent_group TEXT   REFERENCES agent_group (name),
    wires      INTEGER NOT NULL CHECK (wires IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    wrong      INTEGER NOT NULL DEFAULT 0,
    closed_at  INTEGER,
    used_by    TEXT,
    used_in    INTEGER REFERENCES messaging_group (id),
    CHECK (used_by IS NULL OR closed_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX pairing_open ON pairing (code) WHERE closed_at IS NULL;

-- Whatever somebody has to answer: may this stranger in, may this chat be connected, may this be
-- changed, and what agents ask.
CREATE TABLE question (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL CHECK (kind IN ('sender', 'chat', 'change', 'agent')),
    agent_group     TEXT    REFERENCES agent_group (name),
    messaging_group INTEGER REFERENCES messaging_group (id),   -- where it came up
    thread          TEXT,
    session         INTEGER REFERENCES session (id),           -- who waits for the answer
    out_seq         INTEGER,                                   -- and with which message it asked
    requester       TEXT    NOT NULL DEFAULT '',               -- `channel:id` of who led to it
    requester_name  TEXT    NOT NULL DEFAULT '',
    text            TEXT    NOT NULL,
    options         TEXT    NOT NULL,                          -- a JSON array of [label, value]
    payload         TEXT    NOT NULL DEFAULT '',               -- the change that was asked for
    state           TEXT    NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'answered', 'expired')),
    answer          TEXT,
    answered_by     TEXT,
    asked_at        INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    settled_at      INTEGER,                                   -- all that follows was done
    CHECK ((state = 'answered') = (answer IS NOT NULL)),
    CHECK (settled_at IS NULL OR state <> 'open'),
    CHECK (kind NOT IN ('change', 'agent') OR (session IS NOT NULL AND out_seq IS NOT NULL))
) STRICT;
-- Knocking again while the first knock is open is the same knock.
CREATE UNIQUE INDEX question_sender ON question (messaging_group, agent_group, requester)
    WHERE kind = 'sender' AND settled_at IS NULL;
CREATE UNIQUE INDEX question_chat ON question (messaging_group)
    WHERE kind = 'chat' AND settled_at IS NULL;
CREATE UNIQUE INDEX question_session ON question (session, out_seq) WHERE session IS NOT NULL;
CREATE INDEX question_unsettled ON question (id) WHERE settled_at IS NULL;

-- Whom it was put to, in which order, and which part of the outbox shows it.
CREATE TABLE question_card (
    question INTEGER NOT NULL REFERENCES question (id) ON DELETE CASCADE,
    ordinal  INTEGER NOT NULL,
    person   INTEGER REFERENCES person (id) ON DELETE SET NULL,
    channel  TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    chat     TEXT    NOT NULL,
    thread   TEXT,
    part     TEXT    NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (question, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX question_card_chat ON question_card (channel, account, chat);

-- Messages that wait for an answer to a question about their sender or chat.
CREATE TABLE held (
    question    INTEGER NOT NULL REFERENCES question (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    platform_id TEXT    NOT NULL,
    message     TEXT    NOT NULL,     -- JSON
    PRIMARY KEY (question, ordinal),
    UNIQUE (question, platform_id)
) STRICT, WITHOUT ROWID;

-- What the host says by itself, outside of any session. The same columns as in a session's.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    thread      TEXT,
    reply_to    TEXT    NOT NULL DEFAULT '',
    kind        TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    form        TEXT    NOT NULL DEFAULT 'text'
                CHECK (form IN ('text', 'file', 'card', 'edit', 'reaction')),
    text        TEXT    NOT NULL,     -- of a reaction: the emoji
    target      TEXT,                 -- `key:` and a part's key, or `id:` and a platform's id
    file        TEXT,                 -- a JSON object
    buttons     TEXT,                 -- a JSON array of [label, data]
    state       TEXT    NOT NULL
                CHECK (state IN ('ready', 'claimed', 'sent', 'unsent', 'uncertain', 'dead')),
    tries       INTEGER NOT NULL DEFAULT 0,
    retry_at    INTEGER NOT NULL DEFAULT 0,
    doubted     INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)),
    platform_id TEXT,
    reason      TEXT,
    changed_at  INTEGER NOT NULL,
    CHECK ((form IN ('edit', 'reaction')) = (target IS NOT NULL)),
    CHECK ((form = 'file') = (file IS NOT NULL))
) STRICT;
CREATE INDEX deliveries_open ON deliveries (id) WHERE state NOT IN ('sent', 'dead');
