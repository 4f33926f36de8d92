-- The platform's id of the message that answered, where somebody typed it: delivered again, it is
-- that answer again and nothing else.
ALTER TABLE question ADD COLUMN answered_with TEXT;
