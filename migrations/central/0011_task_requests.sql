-- Which request of an agent or a person made a task. The same request makes no second one.
ALTER TABLE task ADD COLUMN request TEXT;
CREATE UNIQUE INDEX task_request ON task (request) WHERE request IS NOT NULL;
