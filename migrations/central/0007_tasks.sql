-- What agents are to do at set times, and what became of each time that came.

CREATE TABLE task (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given out twice
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    session         INTEGER REFERENCES session (id),     -- NULL: whichever its chat has by then
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id),   -- where its answer goes
    thread          TEXT,
    owner           INTEGER REFERENCES person (id) ON DELETE SET NULL,
    owner_handle    TEXT    NOT NULL DEFAULT '',         -- `channel:id` of who wanted it
    created_by      TEXT    NOT NULL,
    prompt          TEXT    NOT NULL,
    script          TEXT,                                -- runs first and decides whether to go on
    rule            TEXT    NOT NULL,
    zone            TEXT    NOT NULL,
    missed          TEXT    NOT NULL,
    state           TEXT    NOT NULL
                    CHECK (state IN ('active', 'paused', 'done', 'cancelled', 'failing')),
    reason          TEXT    NOT NULL DEFAULT '',
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    -- Every slot up to here has fired or was let pass by the policy.
    accounted_until INTEGER NOT NULL,
    -- Not a fact of its own: the first slot of (rule, zone) after accounted_until, written by
    -- whatever writes one of the three, and here for the index alone.
    next_at         INTEGER,
    CHECK ((state = 'active') = (next_at IS NOT NULL))
) STRICT;
CREATE INDEX task_due ON task (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX task_ahead ON task (accounted_until) WHERE next_at IS NOT NULL;
CREATE INDEX task_agent ON task (agent_group);
CREATE INDEX task_session ON task (session) WHERE session IS NOT NULL;
CREATE INDEX task_chat ON task (messaging_group);

CREATE TABLE fire (
    task     INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    slot     INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    late_by  INTEGER NOT NULL GENERATED ALWAYS AS (max(fired_at - slot, 0)) VIRTUAL,
    state    TEXT    NOT NULL CHECK (state IN ('fired', 'running', 'ok', 'failed', 'skipped')),
    skipped  INTEGER NOT NULL DEFAULT 0,   -- how many slots were let pass, this one being the last
    session  INTEGER REFERENCES session (id),
    message  TEXT,                         -- its platform id in the session's inbox
    result   TEXT,
    cost     INTEGER,                      -- in millionths of a dollar
    ended_at INTEGER,
    PRIMARY KEY (task, slot),              -- no slot fires twice, whatever clocks do
    CHECK ((state = 'skipped') = (skipped > 0)),
    CHECK ((state IN ('ok', 'failed')) = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX fire_open ON fire (task, slot) WHERE state IN ('fired', 'running');
