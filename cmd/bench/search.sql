-- The baseline of search: everybody's messages in one table, with their words beside them.

CREATE SCHEMA bench_baseline;
CREATE TABLE bench_baseline.messages (
  user_id         uuid NOT NULL,
  conversation_id text NOT NULL,
  seq             bigint NOT NULL,
  created_at      timestamptz NOT NULL,
  body            text NOT NULL,
  tsv             tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED,
  PRIMARY KEY (user_id, conversation_id, seq)
);
CREATE INDEX ON bench_baseline.messages (user_id, created_at);
