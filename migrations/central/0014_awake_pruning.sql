-- Of the sessions that are awake, the one that was pruned the longest ago, past all that sleep.
CREATE INDEX session_awake_pruned ON session (pruned_at) WHERE awake = 1;
