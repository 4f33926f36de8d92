-- For the daily pruning, which must cost what it removes and not what there is.
CREATE INDEX obeyed_at ON obeyed (at);
CREATE INDEX stop_resumed ON stop (resumed_at) WHERE resumed_at IS NOT NULL;
CREATE INDEX fire_old ON fire (fired_at) WHERE state NOT IN ('fired', 'running');
CREATE INDEX task_over ON task (changed_at) WHERE state IN ('done', 'cancelled');
