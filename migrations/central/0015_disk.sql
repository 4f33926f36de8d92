-- How much an agent may keep on the disk: its workspace, and what one of its sessions has.
ALTER TABLE agent_group ADD COLUMN disk_gib INTEGER NOT NULL DEFAULT 10 CHECK (disk_gib > 0);
