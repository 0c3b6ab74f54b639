-- Files on their way out of an account or into it, and what operators did with whole brains. A file stands here in pieces, so that
-- any server can go on with it, and sealed, so that neither an analyst nor a backup shows what is in it.

CREATE TABLE public.account_files (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL,
  purpose    text NOT NULL CHECK (purpose IN ('export', 'import')),
  bytes      bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  -- All of it is here.
  complete   boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
COMMENT ON TABLE public.account_files IS 'Files of users that are exported or imported; none stays for long.';
CREATE INDEX account_files_of_user ON public.account_files (user_id);
CREATE INDEX account_files_expiry ON public.account_files (expires_at);

CREATE TABLE public.account_file_chunks (
  file_id    uuid NOT NULL,
  n          integer NOT NULL CHECK (n >= 0),
  user_id    uuid NOT NULL,
  ciphertext bytea NOT NULL,
  key_id     text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (file_id, n)
);
COMMENT ON TABLE public.account_file_chunks IS 'Pieces of account_files, each sealed for its place.';
ALTER TABLE public.account_file_chunks ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE INDEX account_file_chunks_expiry ON public.account_file_chunks (expires_at);

-- Who did what to whose private brain from the command line. No policy: only its owner reads and writes it; nobody changes it.
CREATE TABLE public.account_audit (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT now(),
  actor   text NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 200),
  action  text NOT NULL CHECK (char_length(action) BETWEEN 1 AND 50),
  subject uuid NOT NULL,
  object  uuid,
  detail  text NOT NULL DEFAULT '' CHECK (char_length(detail) <= 2000)
);
COMMENT ON TABLE public.account_audit IS 'What operators did with private brains; rows are only ever added.';
COMMENT ON COLUMN public.account_audit.subject IS 'Whose private brain was read.';
COMMENT ON COLUMN public.account_audit.object IS 'Whose was written, if any.';
COMMENT ON COLUMN public.account_audit.detail IS 'Why: the consent given for a clone.';
ALTER TABLE public.account_audit ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION public.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
REVOKE ALL ON FUNCTION public.refuse_change() FROM PUBLIC;
CREATE TRIGGER fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON public.account_audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['account_files', 'account_file_chunks'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format($p$
      CREATE POLICY seal ON public.%I
        USING (user_id = (SELECT o.user_id FROM public.tenants o
          WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))))$p$, t);
  END LOOP;
END
$$;
-- While no key is bound, servers remove what has expired. They see nothing of it: a DELETE that names no column needs no right to read.
CREATE POLICY tidy ON public.account_files FOR DELETE
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = '') AND expires_at < now());
CREATE POLICY tidy ON public.account_file_chunks FOR DELETE
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = '') AND expires_at < now());

---- create above / drop below ----

DROP TABLE public.account_audit, public.account_file_chunks, public.account_files;
DROP FUNCTION public.refuse_change();
