-- What full-text search finds messages by. It is filled when somebody searches, not when a message is stored: an index over words
-- makes an append many times dearer (docs/search.md). The key is in the order of time, so that the newest are found first.

CREATE TABLE message_search (
  -- That of the message; -infinity: the row is for the title of the conversation.
  created_at      timestamptz NOT NULL,
  conversation_id varchar(64) NOT NULL,
  -- That of the message; 0 for a title.
  seq             bigint NOT NULL,
  tsv             tsvector NOT NULL,
  PRIMARY KEY (created_at, conversation_id, seq)
) WITH (autovacuum_analyze_threshold = 2147483647);

-- New rows wait in a list, which every search reads, until it has 256 KB: that makes indexing less than half as dear.
CREATE INDEX message_search_words ON message_search USING gin (tsv) WITH (gin_pending_list_limit = 256);

ALTER TABLE conversations
  -- Messages up to this seq are in message_search, as they were when they got there.
  ADD COLUMN indexed_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN title_indexed boolean NOT NULL DEFAULT false;

---- create above / drop below ----

ALTER TABLE conversations DROP COLUMN title_indexed, DROP COLUMN indexed_seq;
DROP TABLE message_search;
