-- More than text: files, edits, reactions, questions and requests; other chats by name.
ALTER TABLE messages_out ADD COLUMN form TEXT NOT NULL DEFAULT 'text'
    CHECK (form IN ('text', 'file', 'edit', 'reaction', 'question', 'admin'));
ALTER TABLE messages_out ADD COLUMN destination TEXT;   -- NULL: the chat that is answered
ALTER TABLE messages_out ADD COLUMN target INTEGER;     -- the message that is edited or reacted to
ALTER TABLE messages_out ADD COLUMN file TEXT;          -- a name below `files/` beside this database
ALTER TABLE messages_out ADD COLUMN options TEXT;       -- a JSON array of texts
ALTER TABLE messages_out ADD COLUMN timeout_ms INTEGER;
