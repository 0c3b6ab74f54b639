-- Files that the user sent or a model made. The table's own rows are small: data, which only reading a file touches, stands
-- outside of them. It is not compressed there, since images and PDFs are so already, and a range of it can then be read
-- without the rest.

CREATE TABLE attachments (
  id              uuid PRIMARY KEY,
  -- The conversation whose messages refer to it; null until one does.
  conversation_id varchar(64),
  media_type      varchar(100) NOT NULL,
  -- What the user called it; empty for what a model made.
  name            varchar(200) NOT NULL,
  size            integer NOT NULL,
  created_at      timestamptz NOT NULL,
  data            bytea NOT NULL,
  CHECK (size > 0 AND size = octet_length(data))
);

ALTER TABLE attachments ALTER COLUMN data SET STORAGE EXTERNAL;

---- create above / drop below ----

DROP TABLE attachments;
