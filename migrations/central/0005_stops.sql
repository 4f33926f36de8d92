-- Who stopped which agent, and until when. A stop holds until it is resumed.
CREATE TABLE stop (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,   -- sessions write down which they carried out
    agent_group TEXT    REFERENCES agent_group (name),   -- NULL: all of them
    by          TEXT    NOT NULL,
    why         TEXT    NOT NULL DEFAULT '',
    at          INTEGER NOT NULL,
    resumed_by  TEXT,
    resumed_at  INTEGER,
    CHECK ((resumed_at IS NULL) = (resumed_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX stop_holds ON stop (coalesce(agent_group, '')) WHERE resumed_at IS NULL;
