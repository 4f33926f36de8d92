-- Who is who and what belongs to what. Written by the host alone.

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE agent_group (
    name       TEXT    PRIMARY KEY,
    provider   TEXT    CHECK (provider IN ('demo', 'claude')),
    model      TEXT,
    image      TEXT,
    memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),
    cpu_milli  INTEGER NOT NULL CHECK (cpu_milli > 0),
    pids       INTEGER NOT NULL CHECK (pids > 0),
    created_at INTEGER NOT NULL,
    removed_at INTEGER              -- set by a removal, which an addition of the same name undoes
) STRICT;

CREATE TABLE messaging_group (
    id         INTEGER PRIMARY KEY,
    channel    TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (channel, account, chat)
) STRICT;

CREATE TABLE wiring (
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id) ON DELETE CASCADE,
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (messaging_group, agent_group)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given out twice
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id),
    created_at      INTEGER NOT NULL,
    -- Set before a session is given anything to do, cleared after it has nothing left. A crash may
    -- leave it set for nothing, never the other way round.
    awake           INTEGER NOT NULL DEFAULT 0 CHECK (awake IN (0, 1)),
    UNIQUE (agent_group, messaging_group)
) STRICT;

CREATE INDEX session_awake ON session (id) WHERE awake = 1;

-- How far an account's events were taken in; what lies behind it is committed in sessions.
CREATE TABLE cursor (
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    name       TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL,
    base_url   TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Requests of agents that the vault did not let out.
CREATE TABLE refusal (
    session TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (session, why)
) STRICT, WITHOUT ROWID;
