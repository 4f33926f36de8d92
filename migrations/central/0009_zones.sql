-- Where a person lives: a name of the IANA time zone database. NULL: as the install.
ALTER TABLE person ADD COLUMN zone TEXT;
