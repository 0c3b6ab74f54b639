-- A private brain. No user_id: the schema is the user. No foreign keys: integrity comes from the order of statements and
-- from the lock on the conversation's row.

CREATE TABLE conversations (
  id            text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 64),
  title         text NOT NULL DEFAULT '' CHECK (char_length(title) <= 200),
  -- True once the user named it; nothing may overwrite it then.
  title_by_user boolean NOT NULL DEFAULT false,
  pinned        boolean NOT NULL DEFAULT false,
  archived_at   timestamptz,
  -- Sequence of the newest message; the next one takes last_seq + 1 under this row's lock.
  last_seq      bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);

CREATE INDEX conversations_recent ON conversations (pinned, updated_at, id);

CREATE TABLE messages (
  id              text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 64),
  conversation_id text NOT NULL,
  seq             bigint NOT NULL,
  role            text NOT NULL CHECK (role IN ('user', 'assistant')),
  -- UIMessage parts, as the client sees them.
  parts           jsonb NOT NULL CHECK (jsonb_typeof(parts) = 'array'),
  metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  status          text NOT NULL CHECK (status IN ('complete', 'interrupted', 'aborted', 'failed')),
  -- Characters of text, so that a history can be cut to a budget without reading it.
  size            integer NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX messages_in_order ON messages (conversation_id, seq);

CREATE TABLE runs (
  id                  uuid PRIMARY KEY,
  conversation_id     text NOT NULL,
  user_message_id     text NOT NULL,
  message_id          text NOT NULL,
  model               text NOT NULL,
  effort              text NOT NULL,
  key_source          text NOT NULL CHECK (key_source IN ('platform', 'own')),
  instance_id         uuid NOT NULL,
  status              text NOT NULL CHECK (status IN ('running', 'complete', 'interrupted', 'aborted', 'failed')),
  -- The day whose quota was charged; null: no charge.
  charged_on          date,
  finish_reason       text,
  error_code          text,
  input_tokens        bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens       bigint NOT NULL DEFAULT 0,
  reasoning_tokens    bigint NOT NULL DEFAULT 0,
  cost_microusd       bigint NOT NULL DEFAULT 0,
  started_at          timestamptz NOT NULL DEFAULT now(),
  ended_at            timestamptz
);

-- One reply at a time in a conversation, whatever the number of servers.
CREATE UNIQUE INDEX runs_running ON runs (conversation_id) WHERE status = 'running';

---- create above / drop below ----

DROP TABLE runs;
DROP TABLE messages;
DROP TABLE conversations;
