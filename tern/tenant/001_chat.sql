-- A private brain. No user_id: the schema is the user. No foreign keys: integrity comes from the order of statements and
-- from the lock on the conversation's row.

-- Every relation and every constraint is paid for once per user. So text whose length is known is varchar: a table that cannot hold
-- a long row gets no TOAST table. Checks stand together, one per table. The list of conversations has no index: it is
-- sorted on reading (0.3 ms for 1,000), and touching a conversation changes no index in return. The tables are not analysed: the
-- plans are right without (docs/performance.md), statistics would stand in every backend's caches, and EXPLAIN would show estimates.

CREATE TABLE conversations (
  id            varchar(64) PRIMARY KEY,
  title         varchar(200) NOT NULL DEFAULT '',
  -- True once the user named it; nothing may overwrite it then.
  title_by_user boolean NOT NULL DEFAULT false,
  pinned        boolean NOT NULL DEFAULT false,
  archived_at   timestamptz,
  -- Sequence of the newest message; the next one takes last_seq + 1 under this row's lock.
  last_seq      bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85, autovacuum_analyze_threshold = 2147483647);

CREATE TABLE messages (
  id              varchar(64) PRIMARY KEY,
  conversation_id varchar(64) NOT NULL,
  seq             bigint NOT NULL,
  -- user or assistant
  role            text NOT NULL,
  -- UIMessage parts, as the client sees them.
  parts           jsonb NOT NULL,
  metadata        jsonb NOT NULL DEFAULT '{}',
  status          text NOT NULL,
  -- Characters of text, so that a history can be cut to a budget without reading it.
  size            integer NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CHECK (role IN ('user', 'assistant') AND jsonb_typeof(parts) = 'array' AND jsonb_typeof(metadata) = 'object'
    AND status IN ('complete', 'interrupted', 'aborted', 'failed'))
) WITH (autovacuum_analyze_threshold = 2147483647);

CREATE UNIQUE INDEX messages_in_order ON messages (conversation_id, seq);

CREATE TABLE runs (
  id                  uuid PRIMARY KEY,
  conversation_id     varchar(64) NOT NULL,
  user_message_id     varchar(64) NOT NULL,
  message_id          varchar(64) NOT NULL,
  model               varchar(161) NOT NULL,
  effort              varchar(8) NOT NULL,
  -- platform or own
  key_source          varchar(8) NOT NULL,
  instance_id         uuid NOT NULL,
  status              varchar(16) NOT NULL,
  -- The day whose quota was charged; null: no charge.
  charged_on          date,
  finish_reason       varchar(16),
  error_code          varchar(40),
  input_tokens        bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens       bigint NOT NULL DEFAULT 0,
  reasoning_tokens    bigint NOT NULL DEFAULT 0,
  cost_microusd       bigint NOT NULL DEFAULT 0,
  started_at          timestamptz NOT NULL DEFAULT now(),
  ended_at            timestamptz,
  CHECK (key_source::text IN ('platform', 'own') AND status::text IN ('running', 'complete', 'interrupted', 'aborted', 'failed'))
) WITH (autovacuum_analyze_threshold = 2147483647);

-- One reply at a time in a conversation, whatever the number of servers.
CREATE UNIQUE INDEX runs_running ON runs (conversation_id) WHERE status = 'running';

---- create above / drop below ----

DROP TABLE runs;
DROP TABLE messages;
DROP TABLE conversations;
