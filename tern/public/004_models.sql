-- The models that this installation offers or once offered, for SQL that joins prices. The binary's own list rules: migrate
-- writes it here, and a server does not read it back. No row belongs to a user.

CREATE TABLE public.models (
  id                    text PRIMARY KEY,
  provider              text NOT NULL,
  name                  text NOT NULL,
  description           text NOT NULL,
  access                text NOT NULL CHECK (access IN ('platform', 'own-key')),
  input_microusd        bigint NOT NULL CHECK (input_microusd >= 0),
  cached_input_microusd bigint NOT NULL CHECK (cached_input_microusd >= 0),
  output_microusd       bigint NOT NULL CHECK (output_microusd >= 0),
  context_window        integer NOT NULL,
  output_limit          integer NOT NULL,
  reasoning             boolean NOT NULL,
  tools                 boolean NOT NULL,
  images                boolean NOT NULL,
  files                 boolean NOT NULL,
  efforts               text[] NOT NULL,
  listed_at             timestamptz NOT NULL DEFAULT now(),
  updated_at            timestamptz NOT NULL DEFAULT now(),
  retired_at            timestamptz
);
COMMENT ON TABLE public.models IS 'Models offered, with prices; written by migrate from the catalog. Join usage_daily.model to id.';
COMMENT ON COLUMN public.models.id IS 'provider:model, as in usage_daily.model and in the runs of private brains.';
COMMENT ON COLUMN public.models.access IS 'platform: the operator''s key pays; own-key: only keys of users open it.';
COMMENT ON COLUMN public.models.input_microusd IS 'Price of a million input tokens that were not cached, in millionths of a US dollar.';
COMMENT ON COLUMN public.models.cached_input_microusd IS 'Price of a million input tokens read from the provider''s cache, in millionths of a US dollar.';
COMMENT ON COLUMN public.models.output_microusd IS 'Price of a million output tokens, reasoning included, in millionths of a US dollar.';
COMMENT ON COLUMN public.models.context_window IS 'Tokens, input and output together.';
COMMENT ON COLUMN public.models.output_limit IS 'Tokens of one reply, reasoning included.';
COMMENT ON COLUMN public.models.efforts IS 'Amounts of reasoning that can be asked for, rising; empty: no such control.';
COMMENT ON COLUMN public.models.listed_at IS 'When it was first offered.';
COMMENT ON COLUMN public.models.updated_at IS 'When anything of it last changed.';
COMMENT ON COLUMN public.models.retired_at IS 'When it was found to be offered no more; null: it is offered.';

-- Null: as each MCP server says.
ALTER TABLE public.user_settings ADD COLUMN tool_approval text CHECK (tool_approval IN ('always', 'never'));
COMMENT ON COLUMN public.user_settings.tool_approval IS 'Overrides when the user is asked before tools of MCP servers run; null: as each server says.';

---- create above / drop below ----

ALTER TABLE public.user_settings DROP COLUMN tool_approval;
DROP TABLE public.models;
