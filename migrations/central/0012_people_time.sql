-- When a person wants to be left alone, as `22:00-07:00` in their zone. NULL: never.
ALTER TABLE person ADD COLUMN quiet TEXT;
-- Tasks that are heartbeats: the host keeps to itself what they say when there is nothing to say.
CREATE TABLE heartbeat (
    task        INTEGER PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    agent_group TEXT NOT NULL UNIQUE REFERENCES agent_group (name)
) STRICT;
