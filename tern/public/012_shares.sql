-- Conversations that their owners show to whoever has a link: frozen copies, so that no private brain is ever opened for a visitor.

CREATE TABLE public.shares (
  -- 128 random bits, base64url: all that a visitor has. Neither a list nor an analyst shows it.
  id              text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{22}$'),
  user_id         uuid NOT NULL,
  conversation_id text NOT NULL CHECK (char_length(conversation_id) BETWEEN 1 AND 64),
  -- Bounds how many a user has, whoever adds them at the same time.
  slot            smallint NOT NULL CHECK (slot BETWEEN 1 AND 100),
  title           text NOT NULL CHECK (char_length(title) <= 200),
  -- [{"role": "user", "parts": […], "createdAt": "…", "model": "…"}, …]: what package share lets through and nothing else.
  snapshot        jsonb NOT NULL CHECK (jsonb_typeof(snapshot) = 'array'),
  messages        integer NOT NULL CHECK (messages > 0),
  created_at      timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL CHECK (expires_at > created_at),
  UNIQUE (user_id, slot)
);
COMMENT ON TABLE public.shares IS 'Copies of conversations that their owners have shared by link; none stays for longer than a year.';
CREATE INDEX shares_expiry ON public.shares (expires_at);

ALTER TABLE public.shares ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.shares
  USING (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));
-- As in 009: while no key is bound, servers remove what has expired, and see nothing of it.
CREATE POLICY tidy ON public.shares FOR DELETE
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = '') AND expires_at < now());

-- The one way of a visitor, who has no key: one row, by its whole id, until it expires. It runs as the owner, because the seal shows
-- visitors nothing, and because it has to know what they may not look at: whether the account is still registered, which it is until its
-- tombstone is set. Whose the share is, and of which conversation, it does not return.
CREATE FUNCTION public.read_share(wanted text)
RETURNS TABLE (title text, snapshot jsonb, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT s.title, s.snapshot, s.created_at, s.expires_at
  FROM public.shares s JOIN public.tenants t ON t.user_id = s.user_id
  WHERE s.id = wanted AND s.expires_at > pg_catalog.now()
$$;
REVOKE ALL ON FUNCTION public.read_share(text) FROM PUBLIC;
COMMENT ON FUNCTION public.read_share(text) IS 'What was shared under an id, for whoever knows it.';

---- create above / drop below ----

DROP FUNCTION public.read_share(text);
DROP TABLE public.shares;
