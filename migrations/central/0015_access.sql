-- How many unknown users may ask to be let in is counted per account; how many wrong pairing codes
-- somebody sent, per sender.

CREATE INDEX question_access ON question (asked_at) WHERE kind IN ('sender', 'chat');
CREATE INDEX dropped_unasked ON dropped (last_at) WHERE reason = 'too-many-requests';

-- Wrong pairing codes of the last hour.
CREATE TABLE pairing_guess (
    handle TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX pairing_guess_at ON pairing_guess (at);

-- What hangs on a chat, to see whether it can be forgotten.
CREATE INDEX question_group ON question (messaging_group);
CREATE INDEX destination_chat ON destination (messaging_group);
CREATE INDEX pairing_chat ON pairing (used_in) WHERE used_in IS NOT NULL;

-- The place of the option that a second card asks about, before an agent is shared.
ALTER TABLE question ADD COLUMN second INTEGER;
