-- Versions of a message are branches of a tree: an edit or another reply hides what was there and deletes nothing. The path that is
-- shown is marked on its messages. It is in the order of seq, since a message comes after the one that it follows; so an append needs to
-- know nothing of all this, and what was there before is right as it is: a path without branches.

ALTER TABLE messages
  -- seq of the message that it follows, 0: none. Told when it leaves the path: those on it follow one another.
  ADD COLUMN parent_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN on_path boolean NOT NULL DEFAULT true,
  -- Its place among the messages that follow the same one, and how many those are.
  ADD COLUMN version smallint NOT NULL DEFAULT 1,
  ADD COLUMN versions smallint NOT NULL DEFAULT 1;

ALTER TABLE runs
  -- seq of the message where the path ends again if the run brings nothing; 0: where it ends anyway.
  ADD COLUMN return_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN usage_estimated boolean NOT NULL DEFAULT false,
  -- The instance that ended it: not always the one that began it.
  ADD COLUMN settled_by uuid;

---- create above / drop below ----

ALTER TABLE runs DROP COLUMN settled_by, DROP COLUMN usage_estimated, DROP COLUMN return_seq;
ALTER TABLE messages DROP COLUMN versions, DROP COLUMN version, DROP COLUMN on_path, DROP COLUMN parent_seq;
