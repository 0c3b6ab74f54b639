-- The product's part of the public brain. Every table here has one owner per row; its policy, at the end, shows only the
-- rows of the user whose key is bound, whatever the WHERE clause says.

CREATE TABLE public.user_settings (
  user_id             uuid PRIMARY KEY,
  default_model       text CHECK (char_length(default_model) <= 200),
  reasoning_effort    text CHECK (reasoning_effort IN ('off', 'low', 'medium', 'high')),
  custom_instructions text NOT NULL DEFAULT '' CHECK (char_length(custom_instructions) <= 8000),
  -- What only the client needs: theme, width, font size, models shown. Opaque to the server, which accepts 16 KiB of JSON; stored it may be longer.
  preferences         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preferences) = 'object' AND octet_length(preferences::text) <= 65536),
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.user_settings IS 'Preferences of a user; no row means all defaults.';

CREATE TABLE public.user_api_keys (
  user_id      uuid NOT NULL,
  provider     text NOT NULL CHECK (char_length(provider) BETWEEN 1 AND 50),
  id           uuid NOT NULL,
  ciphertext   bytea NOT NULL,
  key_id       text NOT NULL,
  last_four    text NOT NULL CHECK (char_length(last_four) <= 4),
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  PRIMARY KEY (user_id, provider)
);
COMMENT ON TABLE public.user_api_keys IS 'Own provider keys, encrypted under a key derived per user.';

CREATE TABLE public.user_mcp_servers (
  user_id            uuid NOT NULL,
  id                 uuid NOT NULL,
  name               text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  url                text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2000),
  transport          text NOT NULL CHECK (transport IN ('streamable-http', 'sse')),
  headers_ciphertext bytea,
  key_id             text,
  enabled            boolean NOT NULL DEFAULT true,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, id),
  CHECK ((headers_ciphertext IS NULL) = (key_id IS NULL))
);
COMMENT ON TABLE public.user_mcp_servers IS 'MCP servers a user has added; header values are encrypted like keys.';

-- One row per user: the counters start over when the UTC day or month they belong to is past.
CREATE TABLE public.quota_counters (
  user_id    uuid PRIMARY KEY,
  day        date NOT NULL,
  day_used   integer NOT NULL CHECK (day_used >= 0),
  month      date NOT NULL CHECK (date_trunc('month', month) = month),
  month_used integer NOT NULL CHECK (month_used >= 0)
) WITH (fillfactor = 80);
COMMENT ON TABLE public.quota_counters IS 'Messages reserved by a user in the current UTC day and month.';

CREATE TABLE public.usage_daily (
  user_id             uuid NOT NULL,
  day                 date NOT NULL,
  model               text NOT NULL,
  key_source          text NOT NULL CHECK (key_source IN ('platform', 'own')),
  messages            bigint NOT NULL DEFAULT 0,
  input_tokens        bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens       bigint NOT NULL DEFAULT 0,
  reasoning_tokens    bigint NOT NULL DEFAULT 0,
  cost_microusd       bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, day, model, key_source)
) WITH (fillfactor = 80);
COMMENT ON TABLE public.usage_daily IS 'Settled usage of a user by UTC day, model and whose key paid; costs in millionths of a US dollar.';
COMMENT ON COLUMN public.usage_daily.input_tokens IS 'All input tokens, cached ones included.';
COMMENT ON COLUMN public.usage_daily.output_tokens IS 'All output tokens, reasoning included.';

CREATE INDEX usage_daily_by_day ON public.usage_daily (day, model);

-- The operators are leakproof, so that a query still reaches its indexes under the seal.
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['user_settings', 'user_api_keys', 'user_mcp_servers', 'quota_counters', 'usage_daily'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format($p$
      CREATE POLICY seal ON public.%I
        USING (user_id = (SELECT o.user_id FROM public.tenants o
          WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))))$p$, t);
  END LOOP;
END
$$;

---- create above / drop below ----

DROP TABLE public.usage_daily, public.quota_counters, public.user_mcp_servers, public.user_api_keys, public.user_settings;
