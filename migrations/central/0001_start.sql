-- Everything that decides lies here: who may talk to whom, what came in, what goes out, what became of
-- it; and the history, which nothing decides on.
-- Written by the host, and by the command line in short transactions.

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Agents, users and chats.

CREATE TABLE agent_group (
    name        TEXT    PRIMARY KEY,
    number      INTEGER NOT NULL UNIQUE,   -- says which user of the kernel its processes have
    provider    TEXT    CHECK (provider IN ('demo', 'claude')),
    model       TEXT,
    image       TEXT,
    memory_mib  INTEGER NOT NULL CHECK (memory_mib > 0),
    cpu_milli   INTEGER NOT NULL CHECK (cpu_milli > 0),
    disk_gib    INTEGER NOT NULL DEFAULT 10 CHECK (disk_gib > 0),   -- its workspace and one session's home
    pids        INTEGER NOT NULL CHECK (pids > 0),
    removed_at  INTEGER,             -- set by a removal; adding the same name again clears it
    trigger     TEXT,                -- what the agent answers to in a text; NULL is `@` and its name
    transcribe  TEXT,                -- the command that turns speech into text in its containers
    -- What its administration tool may see and ask for: nothing, its own group, or everything.
    admin_scope TEXT    NOT NULL DEFAULT 'own' CHECK (admin_scope IN ('none', 'own', 'all'))
) STRICT;

-- Our own accounts on platforms. Their secret fields are rows of `secret`, sealed by the vault.
CREATE TABLE account (
    channel    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    urls       TEXT    NOT NULL DEFAULT '{}',    -- a JSON object; see each adapter
    created_at INTEGER NOT NULL,
    fields     TEXT    NOT NULL DEFAULT '{}',    -- those that are no secret: a JSON object
    me_id      TEXT    NOT NULL DEFAULT '',      -- who it is on its platform, as far as that said
    me_name    TEXT    NOT NULL DEFAULT '',
    -- When somebody gave it fields or addresses last; it grows with each time, whatever the clock says.
    renewed_at INTEGER NOT NULL DEFAULT 0,
    caps       TEXT    NOT NULL DEFAULT '',      -- what its last connection can do, as JSON; empty: none was
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

-- What senders brought: acknowledged, and accepted from here. The bytes go then, and the row stays for as long
-- as the same `id` is the same event.
CREATE TABLE spool (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,   -- what an account's cursor counts
    channel     TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    sent_as     TEXT    NOT NULL,     -- tells two events of one `id`, where a sender can make them
    known_until INTEGER NOT NULL,
    bytes       BLOB,
    UNIQUE (channel, account, id)
) STRICT;
CREATE INDEX spool_waiting ON spool (channel, account, number) WHERE bytes IS NOT NULL;
CREATE INDEX spool_known ON spool (channel, account, known_until) WHERE bytes IS NULL;
-- What the adapter of an account keeps between connections.
CREATE TABLE shelf (
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (channel, account, key)
) STRICT, WITHOUT ROWID;

-- How far an account's events were accepted, and the last sign of life of its platform. While a
-- connection has not stated what became of the gap before it, that is where the gap begins.
CREATE TABLE cursor (
    channel  TEXT NOT NULL,
    account  TEXT NOT NULL,
    value    TEXT,
    heard_at INTEGER,
    -- Grows when the account starts over: what was read before that moves no cursor. Stays with the row for good.
    start    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE messaging_group (
    id         INTEGER PRIMARY KEY,
    channel    TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    title      TEXT    NOT NULL DEFAULT '',
    is_group   INTEGER NOT NULL DEFAULT 0 CHECK (is_group IN (0, 1)),
    -- Whom to let in that nobody knows.
    policy     TEXT    NOT NULL DEFAULT 'ask' CHECK (policy IN ('strict', 'ask', 'public')),
    denied_at  INTEGER,
    template   TEXT,        -- how what programs post there is told; NULL: as the adapter does
    peer       TEXT,        -- the platform's id of the one other user in it, where there is only one
    active_at  INTEGER NOT NULL,   -- when something was accepted there last, to within some hours
    left_at    INTEGER,            -- since when the bot is in it no more; nothing is sent there meanwhile
    UNIQUE (channel, account, chat)
) STRICT;
CREATE INDEX messaging_group_peer ON messaging_group (channel, peer) WHERE peer IS NOT NULL;
CREATE INDEX messaging_group_left ON messaging_group (left_at) WHERE left_at IS NOT NULL;

CREATE TABLE wiring (
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id) ON DELETE CASCADE,
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    engage          TEXT    NOT NULL DEFAULT 'pattern'
                    CHECK (engage IN ('pattern', 'mention', 'mention-sticky')),
    pattern         TEXT    NOT NULL DEFAULT '.',     -- read for `pattern` alone
    scope           TEXT    NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'known')),
    ignored         TEXT    NOT NULL DEFAULT 'drop' CHECK (ignored IN ('drop', 'accumulate')),
    session_mode    TEXT    NOT NULL DEFAULT 'shared'
                    CHECK (session_mode IN ('shared', 'per-thread', 'agent-shared')),
    priority        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (messaging_group, agent_group)
) STRICT, WITHOUT ROWID;

-- When an agent was last engaged where a wiring is sticky; empty thread: outside of any.
CREATE TABLE engaged (
    messaging_group INTEGER NOT NULL,
    agent_group     TEXT    NOT NULL,
    thread          TEXT    NOT NULL,
    last_at         INTEGER NOT NULL,
    PRIMARY KEY (messaging_group, agent_group, thread),
    FOREIGN KEY (messaging_group, agent_group) REFERENCES wiring ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Chats that an agent may write to by name, beside the one that it answers in.
CREATE TABLE destination (
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    name            TEXT    NOT NULL,
    messaging_group INTEGER NOT NULL REFERENCES messaging_group (id) ON DELETE CASCADE,
    by_wiring       INTEGER NOT NULL CHECK (by_wiring IN (0, 1)),   -- goes with the wiring that made it
    PRIMARY KEY (agent_group, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX destination_chat ON destination (messaging_group);

CREATE TABLE person (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    zone       TEXT,      -- a name of the IANA time zone database; NULL: as the install
    quiet      TEXT       -- when they want to be left alone, as `22:00-07:00` in their zone
) STRICT;

-- How platforms name a user; one user can have several.
CREATE TABLE handle (
    channel TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    person  INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    PRIMARY KEY (channel, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX handle_person ON handle (person);

-- Owners and admins decide; members may talk to an agent.
CREATE TABLE role (
    id          INTEGER PRIMARY KEY,                     -- the order in which they were granted
    person      INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    role        TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    agent_group TEXT    REFERENCES agent_group (name),   -- NULL: of everything
    CHECK (iif(agent_group IS NULL, role <> 'member', role <> 'owner'))
) STRICT;
CREATE UNIQUE INDEX role_once ON role (person, role, coalesce(agent_group, ''));
CREATE INDEX role_owner ON role (person) WHERE role = 'owner';

-- Who was refused an agent. Undone by making them a member.
CREATE TABLE denial (
    channel     TEXT    NOT NULL,
    handle      TEXT    NOT NULL,
    agent_group TEXT    NOT NULL REFERENCES agent_group (name),
    name        TEXT    NOT NULL,
    PRIMARY KEY (channel, handle, agent_group)
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
CREATE INDEX dropped_last ON dropped (last_at);
CREATE INDEX dropped_unasked ON dropped (last_at) WHERE reason = 'too-many-requests';

CREATE TABLE pairing (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    code        TEXT    NOT NULL,
    -- What its use brings: a role for who sends it, and an agent for the chat that it is sent in.
    role        TEXT    CHECK (role IN ('owner', 'admin', 'member')),
    agent_group TEXT    REFERENCES agent_group (name),
    wires       INTEGER NOT NULL CHECK (wires IN (0, 1)),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    wrong       INTEGER NOT NULL DEFAULT 0,
    closed_at   INTEGER,
    used_by     TEXT,
    used_in     INTEGER REFERENCES messaging_group (id),
    CHECK (used_by IS NULL OR closed_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX pairing_open ON pairing (code) WHERE closed_at IS NULL;
CREATE INDEX pairing_chat ON pairing (used_in) WHERE used_in IS NOT NULL;

-- Wrong pairing codes of the last hour.
CREATE TABLE pairing_guess (
    handle TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX pairing_guess_at ON pairing_guess (at);

CREATE TABLE secret (
    name       TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL,
    base_url   TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Sessions and their messages.

-- A session is named by what it shares: an agent everywhere (no chat), in a chat, or in a thread.
CREATE TABLE session (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given out twice
    agent_group         TEXT    NOT NULL REFERENCES agent_group (name),
    messaging_group     INTEGER REFERENCES messaging_group (id),
    thread              TEXT,
    -- Set with whatever gives the session something to do, cleared when it has nothing left. It may
    -- stay set for nothing, never the other way round.
    awake               INTEGER NOT NULL DEFAULT 0 CHECK (awake IN (0, 1)),
    pruned_at           INTEGER NOT NULL DEFAULT 0,          -- when its old rows were last pruned
    -- How far its outbound mailbox was imported: messages, and waits for the provider.
    imported_seq        INTEGER NOT NULL DEFAULT 0,
    imported_wait       INTEGER NOT NULL DEFAULT 0,
    stopped_incarnation INTEGER NOT NULL DEFAULT 0,          -- the last incarnation that a user stopped
    -- The last stop of the agent that was carried out here, up to which message chats were told of
    -- it, and what it came to, as JSON.
    stop                INTEGER NOT NULL DEFAULT 0,
    stop_told           INTEGER NOT NULL DEFAULT 0,
    stop_report         TEXT    NOT NULL DEFAULT '{}',
    runner_state        TEXT    NOT NULL DEFAULT '{}',       -- what its runner keeps, as a JSON object
    CHECK (messaging_group IS NOT NULL OR thread IS NULL)
) STRICT;
CREATE UNIQUE INDEX session_key ON session (agent_group, coalesce(messaging_group, 0), coalesce(thread, ''));
CREATE INDEX session_awake ON session (id) WHERE awake = 1;
CREATE INDEX session_chat ON session (messaging_group);
CREATE INDEX session_pruned ON session (pruned_at);
CREATE INDEX session_awake_pruned ON session (pruned_at) WHERE awake = 1;

-- The inbox: one row for each session that a message was accepted for.
CREATE TABLE message (
    id              INTEGER PRIMARY KEY,      -- the order in which they were accepted
    session         INTEGER NOT NULL REFERENCES session (id),
    seq             INTEGER NOT NULL CHECK (seq > 0 AND seq % 2 = 0),   -- within the session
    channel         TEXT    NOT NULL,
    account         TEXT    NOT NULL,
    chat            TEXT    NOT NULL,
    thread          TEXT,
    platform_id     TEXT    NOT NULL,
    sender_id       TEXT    NOT NULL,         -- `channel:id`
    -- `context` is shown with the next message that engages the agent, never alone.
    kind            TEXT    NOT NULL DEFAULT 'chat' CHECK (kind IN ('chat', 'context', 'command')),
    received_at     INTEGER NOT NULL,
    not_before      INTEGER NOT NULL,
    tries           INTEGER NOT NULL DEFAULT 0,
    released        INTEGER NOT NULL DEFAULT 0,   -- the last incarnation whose claim was taken back
    told            INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),     -- its chat knows that it waits
    status          INTEGER NOT NULL DEFAULT 0 CHECK (status IN (0, 1)),   -- its chat was shown a status line
    line_gone       INTEGER NOT NULL DEFAULT 0 CHECK (line_gone IN (0, 1)),   -- which cannot be replaced any more
    -- What it waits for at the provider, and the wait that its chat was told of: JSON objects.
    wait            TEXT,
    told_wait       TEXT,
    last_chance     INTEGER,                  -- it was late and is given up then
    outcome         TEXT    CHECK (outcome IN ('answered', 'silent', 'declined', 'failed')),
    reason          TEXT,
    ended_at        INTEGER,
    -- The message of the runner that answers it; of a declined one, that whose notice speaks for it.
    reply           INTEGER,
    -- It waited when a backup was made, so its sender may have an answer that the backup does not know.
    may_be_answered INTEGER NOT NULL DEFAULT 0 CHECK (may_be_answered IN (0, 1)),
    task            INTEGER,                  -- the task that it is a run of, and the slot
    slot            INTEGER,
    run             TEXT,                     -- what that run knows, as JSON
    rule            TEXT,                     -- what the router decided by, as JSON
    body            TEXT    NOT NULL,         -- what the agent is shown of it, as JSON
    UNIQUE (session, seq),
    UNIQUE (platform_id, session, channel, account, chat),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((task IS NULL) = (slot IS NULL))
) STRICT;
CREATE INDEX message_waiting ON message (session, seq) WHERE outcome IS NULL;
CREATE INDEX message_reply ON message (session, reply) WHERE reply IS NOT NULL;
CREATE INDEX message_ended ON message (session, ended_at) WHERE ended_at IS NOT NULL;
-- A slot is one message, even where its chat has another id by now.
CREATE UNIQUE INDEX message_task ON message (task, slot) WHERE task IS NOT NULL;

-- Files that came with messages.
CREATE TABLE attachment (
    session  INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    kind     TEXT    NOT NULL
             CHECK (kind IN ('image', 'audio', 'voice', 'video', 'sticker', 'document')),
    name     TEXT    NOT NULL,            -- as its sender called it
    mime     TEXT    NOT NULL,
    bytes    INTEGER,
    source   TEXT    NOT NULL,            -- for the adapter alone
    quoted   INTEGER NOT NULL DEFAULT 0 CHECK (quoted IN (0, 1)),   -- of the message that is quoted
    state    TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'here', 'failed')),
    path     TEXT,                        -- within the folder of the session's mailboxes
    reason   TEXT,
    tries    INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session, message, ordinal),
    FOREIGN KEY (session, message) REFERENCES message (session, seq) ON DELETE CASCADE,
    CHECK ((state = 'here') = (path IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX attachment_pending ON attachment (session, message) WHERE state = 'pending';

-- What an agent asks of the host: a question to a user, a change. The runner reads the answer.
CREATE TABLE request (
    session     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,         -- the runner's message that asks
    cause       INTEGER NOT NULL,
    form        TEXT    NOT NULL CHECK (form IN ('question', 'admin')),
    text        TEXT    NOT NULL,
    options     TEXT    NOT NULL DEFAULT '[]',
    timeout_ms  INTEGER NOT NULL DEFAULT 0,
    asked_at    INTEGER NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'forwarded', 'answered')),
    ok          INTEGER CHECK (ok IN (0, 1)),
    answer      TEXT,
    -- The attempt at a turn during which it came, by the runner's word.
    turn        INTEGER,
    incarnation INTEGER,
    attempt     INTEGER,
    -- The request of an earlier attempt that this one repeats: it is not carried out again, and gets
    -- the same answer.
    repeats     INTEGER,
    PRIMARY KEY (session, seq),
    FOREIGN KEY (session, cause) REFERENCES message (session, seq) ON DELETE CASCADE,
    CHECK ((state = 'answered') = (ok IS NOT NULL AND answer IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX request_unanswered ON request (session, seq) WHERE state <> 'answered';
CREATE INDEX request_cause ON request (session, cause);
CREATE INDEX request_turn ON request (session, turn) WHERE turn IS NOT NULL;
CREATE INDEX request_repeats ON request (session, repeats) WHERE repeats IS NOT NULL;

-- The history of containers. A number is given out by a commit before its container is made.
CREATE TABLE launch (
    session     INTEGER NOT NULL REFERENCES session (id),
    incarnation INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    bad         INTEGER NOT NULL DEFAULT 0 CHECK (bad IN (0, 1)),
    answered    INTEGER NOT NULL DEFAULT 0,   -- messages that it brought to their end
    trouble     TEXT,                         -- JSON: what was the matter, if anything
    PRIMARY KEY (session, incarnation)
) STRICT, WITHOUT ROWID;

-- The outbox: everything that is sent, by agents and by the host.
CREATE TABLE part (
    id                 INTEGER PRIMARY KEY,          -- the order within a chat
    session            INTEGER NOT NULL DEFAULT 0,   -- 0: the host wrote it outside of any session
    key                TEXT    NOT NULL,             -- within the session
    out_seq            INTEGER,                      -- the runner's message; NULL for the host's words
    cause              INTEGER,                      -- the message that led to it
    channel            TEXT    NOT NULL,
    account            TEXT    NOT NULL,
    chat               TEXT    NOT NULL,
    thread             TEXT,
    reply_to           TEXT    NOT NULL DEFAULT '',
    kind               TEXT    NOT NULL CHECK (kind IN ('interim', 'answer', 'notice')),
    form               TEXT    NOT NULL DEFAULT 'text'
                CHECK (form IN ('text', 'file', 'card', 'edit', 'reaction', 'delete')),
    text               TEXT    NOT NULL,     -- of a reaction: the emoji
    target             TEXT,                 -- `key:` and a part's key, or `id:` and a platform's id
    file               TEXT,                 -- a JSON array of what is shown together
    buttons            TEXT,                 -- a JSON array of {label, data}
    state              TEXT    NOT NULL
                CHECK (state IN ('ready', 'claimed', 'sent', 'unsent', 'uncertain', 'dead')),
    tries              INTEGER NOT NULL DEFAULT 0,
    misses             INTEGER NOT NULL DEFAULT 0,   -- attempts in a row without an answer
    uncertain_attempts INTEGER NOT NULL DEFAULT 0,   -- attempts that may have been seen
    was_uncertain      INTEGER NOT NULL DEFAULT 0 CHECK (was_uncertain IN (0, 1)),   -- once perhaps seen, for ever
    retry_at           INTEGER NOT NULL DEFAULT 0,
    platform_id        TEXT,
    reason             TEXT,
    created_at         INTEGER NOT NULL,
    changed_at         INTEGER NOT NULL,
    claimed_at         INTEGER,                      -- the last attempt
    -- NULL: alive, or stopped. 1: given up, and the owner of the host is still to be told. 0: they were
    -- told, or need not be.
    unreported         INTEGER CHECK (unreported IN (0, 1)),
    -- Nobody waits for it, and its reader wanted to be left alone: `held` until that is over. Then it
    -- is `released`; the `first` of what was held says so.
    quiet              TEXT    CHECK (quiet IN ('held', 'first', 'released')),
    said_with          TEXT,                         -- the key of the part that it shares a message with
    UNIQUE (session, key),
    FOREIGN KEY (session, cause) REFERENCES message (session, seq) ON DELETE CASCADE,
    CHECK ((session = 0) = (cause IS NULL)),
    CHECK ((form IN ('edit', 'reaction', 'delete')) = (target IS NOT NULL)),
    CHECK ((form = 'file') = (file IS NOT NULL))
) STRICT;
CREATE INDEX part_open ON part (session, id) WHERE state NOT IN ('sent', 'dead');
CREATE INDEX part_chat ON part (channel, account, chat, session, id, state, quiet)
    WHERE state NOT IN ('sent', 'dead');
CREATE INDEX part_ended ON part (session, changed_at) WHERE state IN ('sent', 'dead');
CREATE INDEX part_cause ON part (session, cause);
CREATE INDEX part_out_seq ON part (session, out_seq) WHERE out_seq IS NOT NULL;
CREATE INDEX part_unreported ON part (id) WHERE unreported = 1;
CREATE INDEX part_held ON part (channel, account, chat, session, id) WHERE quiet = 'held';
CREATE INDEX part_said_with ON part (session, said_with) WHERE said_with IS NOT NULL;
CREATE INDEX part_platform ON part (platform_id) WHERE platform_id IS NOT NULL;

-- Stops, approvals, commands.

-- Who stopped which agent, and until when. A stop holds until it is resumed.
CREATE TABLE stop (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,   -- sessions record which they carried out
    agent_group TEXT    REFERENCES agent_group (name),   -- NULL: all of them
    by          TEXT    NOT NULL,
    why         TEXT    NOT NULL DEFAULT '',
    at          INTEGER NOT NULL,
    last        INTEGER NOT NULL,                    -- the last message before it, by its id
    resumed_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX stop_holds ON stop (coalesce(agent_group, '')) WHERE resumed_at IS NULL;

-- Commands to the whole host that came from a chat and were carried out: a platform may deliver them
-- again when the opposite was ordered since.
CREATE TABLE processed_command (
    channel TEXT    NOT NULL,
    account TEXT    NOT NULL,
    chat    TEXT    NOT NULL,
    message TEXT    NOT NULL,   -- the platform's id
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, account, chat, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX processed_command_at ON processed_command (at);
CREATE INDEX stop_resumed ON stop (resumed_at) WHERE resumed_at IS NOT NULL;

-- What somebody has to answer: may this user in, may this chat be connected, may this be changed, and
-- what agents ask.
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
    -- A JSON array of {label, value}.
    options         TEXT    NOT NULL CHECK (json_valid(options)),
    payload         TEXT    NOT NULL DEFAULT '',               -- the change that was asked for, as JSON
    second          INTEGER,                                   -- the option that a second card asks about
    state           TEXT    NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'answered', 'expired')),
    answer          TEXT,
    answered_by     TEXT,
    -- The platform's id of the message that answered, where somebody typed it: delivered again, it is
    -- that answer again and nothing else.
    answered_with   TEXT,
    asked_at        INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    settled_at      INTEGER,                                   -- what follows was committed; messages may still be due
    CHECK ((state = 'answered') = (answer IS NOT NULL)),
    CHECK (settled_at IS NULL OR state <> 'open'),
    CHECK (kind NOT IN ('change', 'agent') OR (session IS NOT NULL AND out_seq IS NOT NULL))
) STRICT;
-- A second access request while the first is open is the same request.
CREATE UNIQUE INDEX question_sender ON question (messaging_group, agent_group, requester)
    WHERE kind = 'sender' AND settled_at IS NULL;
CREATE UNIQUE INDEX question_chat ON question (messaging_group)
    WHERE kind = 'chat' AND settled_at IS NULL;
CREATE UNIQUE INDEX question_session ON question (session, out_seq) WHERE session IS NOT NULL;
CREATE INDEX question_unsettled ON question (id) WHERE settled_at IS NULL;
CREATE INDEX question_access ON question (asked_at) WHERE kind IN ('sender', 'chat');
CREATE INDEX question_group ON question (messaging_group);
CREATE INDEX question_settled ON question (settled_at) WHERE settled_at IS NOT NULL;

-- Whom it was shown to, in which order, and which part of the outbox shows it.
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
CREATE INDEX question_card_part ON question_card (part);
CREATE INDEX question_card_person ON question_card (person);

-- Messages that wait for an answer to a question about their sender or chat; `is_due` once they may be
-- routed, and until they were.
CREATE TABLE pending_message (
    question    INTEGER NOT NULL REFERENCES question (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    platform_id TEXT    NOT NULL,
    message     TEXT    NOT NULL,     -- JSON
    is_due      INTEGER NOT NULL DEFAULT 0 CHECK (is_due IN (0, 1)),
    PRIMARY KEY (question, ordinal),
    UNIQUE (question, platform_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_message_due ON pending_message (question) WHERE is_due = 1;

-- Tasks: what agents are to do at set times, and what became of each time that came.

CREATE TABLE task (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given out twice
    agent_group     TEXT    NOT NULL REFERENCES agent_group (name),
    session         INTEGER REFERENCES session (id),     -- NULL: the one that its chat has by then
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
    -- Every slot up to here has fired or was skipped by the policy.
    accounted_until INTEGER NOT NULL,
    -- Not a fact of its own: the first slot of (rule, zone) after accounted_until, written by
    -- whatever writes one of the three, and here for the index alone.
    next_at         INTEGER,
    request         TEXT,                                -- which request made it; the same makes no second
    -- The host keeps to itself what a heartbeat says when there is nothing to say.
    heartbeat       INTEGER NOT NULL DEFAULT 0 CHECK (heartbeat IN (0, 1)),
    CHECK ((state = 'active') = (next_at IS NOT NULL))
) STRICT;
CREATE INDEX task_due ON task (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX task_ahead ON task (accounted_until) WHERE next_at IS NOT NULL;
CREATE INDEX task_agent ON task (agent_group);
CREATE UNIQUE INDEX task_heartbeat ON task (agent_group) WHERE heartbeat = 1;
CREATE INDEX task_session ON task (session) WHERE session IS NOT NULL;
CREATE INDEX task_owner ON task (owner);
CREATE INDEX task_chat ON task (messaging_group);
CREATE INDEX task_over ON task (changed_at) WHERE state IN ('done', 'cancelled');
CREATE INDEX task_over_of ON task (agent_group, changed_at) WHERE state IN ('done', 'cancelled');
CREATE UNIQUE INDEX task_request ON task (request) WHERE request IS NOT NULL;

CREATE TABLE fire (
    task     INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    slot     INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('fired', 'running', 'ok', 'failed', 'skipped')),
    skipped  INTEGER NOT NULL DEFAULT 0,   -- how many slots were skipped, this one being the last
    session  INTEGER REFERENCES session (id),
    ended_at INTEGER,
    -- A user set it aside: it says nothing about whether the task works.
    excused  INTEGER NOT NULL DEFAULT 0 CHECK (excused IN (0, 1)),
    PRIMARY KEY (task, slot),              -- no slot fires twice, whatever clocks do
    CHECK ((state = 'skipped') = (skipped > 0)),
    CHECK ((state IN ('ok', 'failed')) = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX fire_open ON fire (task, slot) WHERE state IN ('fired', 'running');
CREATE INDEX fire_old ON fire (fired_at) WHERE state NOT IN ('fired', 'running');
CREATE INDEX fire_fired ON fire (slot, task) WHERE state = 'fired';
CREATE INDEX fire_running ON fire (slot, task) WHERE state = 'running';

-- What happened, for people: appended, and not changed but for counts of refusals within an hour. No
-- decision reads it.
CREATE TABLE event (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    scope  INTEGER,                       -- what it is about, by its kind: a session or a task,
    item   INTEGER,                       -- and its message, incarnation or slot; or a question, a code
    by     TEXT    NOT NULL DEFAULT '',   -- who did it, where somebody did
    detail TEXT    NOT NULL DEFAULT '{}'  -- a JSON object
) STRICT;
CREATE INDEX event_about ON event (kind, scope, item);
CREATE INDEX event_at ON event (at);
