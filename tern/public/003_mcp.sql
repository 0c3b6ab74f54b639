-- MCP servers: what the first version of the table lacked, and which of the built-in ones a user has turned on.

ALTER TABLE public.user_mcp_servers
  -- Shown to the user; the values are in headers_ciphertext, sealed.
  ADD COLUMN header_names text[] NOT NULL DEFAULT '{}' CHECK (cardinality(header_names) <= 10),
  ADD COLUMN approval text NOT NULL DEFAULT 'writes' CHECK (approval IN ('always', 'writes', 'never')),
  -- Bounds how many servers a user has, whoever adds them at the same time.
  ADD COLUMN slot smallint CHECK (slot BETWEEN 1 AND 20),
  ADD CHECK ((headers_ciphertext IS NULL) = (header_names = '{}'));
UPDATE public.user_mcp_servers s SET slot = n.slot
FROM (SELECT user_id, id, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS slot FROM public.user_mcp_servers) n
WHERE (s.user_id, s.id) = (n.user_id, n.id);
ALTER TABLE public.user_mcp_servers ALTER COLUMN slot SET NOT NULL, ADD UNIQUE (user_id, slot);

CREATE TABLE public.user_mcp_builtins (
  user_id    uuid NOT NULL,
  -- An id of the catalog, which may have lost it since.
  server     text NOT NULL CHECK (char_length(server) BETWEEN 1 AND 50),
  enabled    boolean NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, server)
);
COMMENT ON TABLE public.user_mcp_builtins IS 'Built-in MCP servers a user has turned on or off; no row means as the catalog says.';

ALTER TABLE public.user_mcp_builtins ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.user_mcp_builtins
  USING (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));

---- create above / drop below ----

DROP TABLE public.user_mcp_builtins;
ALTER TABLE public.user_mcp_servers DROP COLUMN slot, DROP COLUMN approval, DROP COLUMN header_names;
