-- A temporary conversation is neither listed nor searched nor exported, and is deleted when it ends.

ALTER TABLE conversations ADD COLUMN temporary boolean NOT NULL DEFAULT false;

---- create above / drop below ----

ALTER TABLE conversations DROP COLUMN temporary;
