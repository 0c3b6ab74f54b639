-- Work for a user that outlives the request and the process that took it: exports, imports, deletions.

CREATE TABLE public.account_jobs (
  id                  uuid PRIMARY KEY,
  user_id             uuid NOT NULL,
  kind                text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 50),
  -- What is not to be done twice at a time, within a kind.
  name                text NOT NULL DEFAULT '' CHECK (char_length(name) <= 100),
  state               text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  arguments           jsonb NOT NULL DEFAULT '{}',
  -- Where a process that takes the work over goes on.
  checkpoint          jsonb,
  result              jsonb,
  phase               text NOT NULL DEFAULT '' CHECK (char_length(phase) <= 50),
  progress            bigint NOT NULL DEFAULT 0,
  total               bigint NOT NULL DEFAULT 0,
  failures            integer NOT NULL DEFAULT 0,
  error_code          text,
  cancel_requested_at timestamptz,
  created_at          timestamptz NOT NULL DEFAULT now(),
  started_at          timestamptz,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  finished_at         timestamptz,
  CHECK ((finished_at IS NULL) = (state IN ('waiting', 'running')))
) WITH (fillfactor = 70);
COMMENT ON TABLE public.account_jobs IS 'Work done for users in the background, and what came of it.';
COMMENT ON COLUMN public.account_jobs.progress IS 'How much is done, of total; what is counted is the kind''s to say. Total 0: not known.';

CREATE UNIQUE INDEX account_jobs_once ON public.account_jobs (user_id, kind, name) WHERE finished_at IS NULL;
CREATE INDEX account_jobs_latest ON public.account_jobs (user_id, kind, created_at);

ALTER TABLE public.account_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.account_jobs
  USING (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));

-- What servers look for while no key is bound: that there is work, of which kind, and who does it until when. Whose it is stands in
-- the ticket, sealed for this job. Nothing is written without the user's key.
CREATE TABLE public.job_tickets (
  job_id       uuid PRIMARY KEY,
  kind         text NOT NULL,
  ciphertext   bytea NOT NULL,
  key_id       text NOT NULL,
  due_at       timestamptz NOT NULL DEFAULT now(),
  -- The process that has the work, and until when if it is not heard of. attempt tells one taking of it from another.
  leased_by    uuid,
  leased_until timestamptz,
  attempt      integer NOT NULL DEFAULT 0,
  CHECK ((leased_by IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE public.job_tickets IS 'One row per job that is to be done or under way, which names nobody.';

CREATE INDEX job_tickets_due ON public.job_tickets (due_at);

ALTER TABLE public.job_tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.job_tickets
  USING (EXISTS (SELECT FROM public.account_jobs j WHERE j.id = job_id));
CREATE POLICY look ON public.job_tickets FOR SELECT
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = ''));

COMMENT ON COLUMN public.usage_daily.user_id IS 'Nil (all zeros): what all deleted accounts have used, together.';

---- create above / drop below ----

COMMENT ON COLUMN public.usage_daily.user_id IS NULL;
DROP TABLE public.job_tickets, public.account_jobs;
