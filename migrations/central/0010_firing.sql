-- A person set it aside: it says nothing about whether the task works.
ALTER TABLE fire ADD COLUMN excused INTEGER NOT NULL DEFAULT 0 CHECK (excused IN (0, 1));

-- What is open is found without looking at what is over.
CREATE INDEX fire_fired ON fire (slot, task) WHERE state = 'fired';
CREATE INDEX fire_running ON fire (slot, task) WHERE state = 'running';
