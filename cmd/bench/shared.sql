-- The baseline: the same tables for everybody, the owner in front of every key. As in tern/tenant otherwise.

CREATE TABLE conversations (
  user_id       uuid NOT NULL,
  id            text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 64),
  title         text NOT NULL DEFAULT '' CHECK (char_length(title) <= 200),
  title_by_user boolean NOT NULL DEFAULT false,
  pinned        boolean NOT NULL DEFAULT false,
  archived_at   timestamptz,
  last_seq      bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, id)
) WITH (fillfactor = 85);

CREATE INDEX conversations_recent ON conversations (user_id, pinned, updated_at, id);

CREATE TABLE messages (
  user_id         uuid NOT NULL,
  id              text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 64),
  conversation_id text NOT NULL,
  seq             bigint NOT NULL,
  role            text NOT NULL CHECK (role IN ('user', 'assistant')),
  parts           jsonb NOT NULL CHECK (jsonb_typeof(parts) = 'array'),
  metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  status          text NOT NULL CHECK (status IN ('complete', 'interrupted', 'aborted', 'failed')),
  size            integer NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, id)
);

CREATE UNIQUE INDEX messages_in_order ON messages (user_id, conversation_id, seq);
