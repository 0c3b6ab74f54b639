-- The kernel's own part of the public brain: who has a private brain, and how to recognise the key that opens it.

-- Raises the SQLSTATE given unless the condition holds: how a statement inside a pipeline stops all that follow it.
CREATE FUNCTION public.require(condition boolean, sqlstate text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
BEGIN
  IF condition IS TRUE THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION USING ERRCODE = sqlstate, MESSAGE = 'requirement ' || sqlstate || ' not met';
END
$$;

CREATE TABLE public.tenants (
  user_id     uuid PRIMARY KEY,
  schema_name text NOT NULL UNIQUE CHECK (schema_name = 'u_' || replace(user_id::text, '-', '')),
  -- SHA-256 of the key that opens the private brain; the key itself is never stored.
  lock        bytea NOT NULL UNIQUE CHECK (octet_length(lock) = 32),
  -- The master key of the ring from which that key was derived.
  key_id      text NOT NULL,
  -- Migration version of the private brain; 0: not provisioned yet.
  version     integer NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now(),
  migrated_at timestamptz,
  -- The last attempt to provision, migrate or re-seal, if it failed. Cleared by success.
  failure     text,
  failures    integer NOT NULL DEFAULT 0,
  failed_at   timestamptz
);
COMMENT ON TABLE public.tenants IS 'One row per user who has, or is getting, a private brain.';

CREATE INDEX tenants_failed ON public.tenants (failed_at) WHERE failed_at IS NOT NULL;

-- The seal of the public brain begins here: of this table, a statement sees only the row whose key is bound. The
-- expression is a sub-select, so that it is evaluated once per statement and not once per row.
ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.tenants FOR SELECT
  USING (lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8'))));

CREATE TABLE public.instances (
  id           uuid PRIMARY KEY,
  version      text NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.instances IS 'Server processes alive; a stale heartbeat marks the runs of a dead one as interrupted.';

---- create above / drop below ----

DROP TABLE public.instances;
DROP TABLE public.tenants;
DROP FUNCTION public.require(boolean, text);
