-- Notes for models to know in every conversation: what the user wrote, and what a model wrote with the user's consent. A row cannot be
-- longer than 2 KB, so there is no TOAST table: two relations per user instead of four.

CREATE TABLE memories (
  id              uuid PRIMARY KEY,
  content         varchar(400) NOT NULL,
  -- Whose words they are.
  by_model        boolean NOT NULL DEFAULT false,
  -- Where a model wrote it; the conversation may be gone.
  conversation_id varchar(64),
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
) WITH (autovacuum_analyze_threshold = 2147483647);

---- create above / drop below ----

DROP TABLE memories;
