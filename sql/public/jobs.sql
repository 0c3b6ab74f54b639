-- name: JobAdd :one
-- Bound: a job of the user, unless there is one of the kind and name that has not ended; that is returned then.
WITH added AS (
  INSERT INTO public.account_jobs AS j (id, user_id, kind, name, arguments)
  SELECT @id::uuid, t.user_id, @kind::text, @name::text, CAST(@arguments::text AS jsonb) FROM public.tenants t
  ON CONFLICT (user_id, kind, name) WHERE finished_at IS NULL DO UPDATE SET name = j.name
  RETURNING j.*
)
SELECT id, kind, name, state, arguments, checkpoint, result, phase, progress, total, failures, error_code,
  (cancel_requested_at IS NOT NULL)::boolean AS cancelling, created_at, started_at, updated_at, finished_at
FROM added;

-- name: JobTicketAdd :exec
-- Bound, after JobAdd: nothing if that added no job.
INSERT INTO public.job_tickets (job_id, kind, ciphertext, key_id, due_at)
SELECT j.id, j.kind, @ciphertext::bytea, @key_id::text, now() + make_interval(secs => @seconds::double precision)
FROM public.account_jobs j
WHERE j.id = @id
ON CONFLICT DO NOTHING;

-- name: JobForget :exec
-- Bound: jobs of a kind that have ended, but for the newest ones.
DELETE FROM public.account_jobs WHERE id IN (
  SELECT j.id FROM public.account_jobs j WHERE j.kind = @kind AND j.finished_at IS NOT NULL ORDER BY j.created_at DESC OFFSET @keep::integer);

-- name: JobGet :one
-- Bound.
SELECT id, kind, name, state, arguments, checkpoint, result, phase, progress, total, failures, error_code,
  (cancel_requested_at IS NOT NULL)::boolean AS cancelling, created_at, started_at, updated_at, finished_at
FROM public.account_jobs
WHERE id = @id;

-- name: JobList :many
-- Bound: the user's jobs of a kind, newest first.
SELECT id, kind, name, state, arguments, checkpoint, result, phase, progress, total, failures, error_code,
  (cancel_requested_at IS NOT NULL)::boolean AS cancelling, created_at, started_at, updated_at, finished_at
FROM public.account_jobs
WHERE kind = @kind
ORDER BY created_at DESC, id DESC
LIMIT @max_rows;

-- name: JobCancel :one
-- Bound: ends a job that nobody works at, and asks who does to end it. No row: it has ended.
WITH idle AS (
  DELETE FROM public.job_tickets WHERE job_id = @id AND (leased_until IS NULL OR leased_until <= now()) RETURNING job_id
)
UPDATE public.account_jobs SET
  cancel_requested_at = coalesce(cancel_requested_at, now()), updated_at = now(),
  state = CASE WHEN EXISTS (SELECT FROM idle) THEN 'cancelled' ELSE state END,
  finished_at = CASE WHEN EXISTS (SELECT FROM idle) THEN now() END
WHERE id = @id AND finished_at IS NULL
RETURNING state;

-- name: JobsDue :many
-- Unbound: jobs of some kinds that are to be done now and that nobody works at, longest due first.
SELECT job_id, kind, ciphertext, key_id, attempt
FROM public.job_tickets
WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
  AND kind = ANY (@kinds::text[]) AND NOT (job_id::text = ANY (@without::text[]))
ORDER BY due_at
LIMIT @max_rows;

-- name: JobClaim :one
-- Bound, or as owner: takes a job, if it still is to be done and nobody works at it.
WITH claimed AS (
  UPDATE public.job_tickets t SET
    leased_by = @instance_id, leased_until = now() + make_interval(secs => @seconds::double precision), attempt = t.attempt + 1
  WHERE t.job_id = @id AND t.due_at <= now() AND (t.leased_until IS NULL OR t.leased_until <= now())
  RETURNING t.job_id, t.attempt
)
UPDATE public.account_jobs j SET state = 'running', started_at = coalesce(j.started_at, now()), updated_at = now()
FROM claimed
WHERE j.id = claimed.job_id AND j.finished_at IS NULL
RETURNING claimed.attempt, j.id, j.kind, j.name, j.state, j.arguments, j.checkpoint, j.result, j.phase, j.progress, j.total, j.failures,
  j.error_code, (j.cancel_requested_at IS NOT NULL)::boolean AS cancelling, j.created_at, j.started_at, j.updated_at, j.finished_at;

-- name: JobHold :one
-- Bound, or as owner: renews the lease of who works at a job, and says whether it is to be cancelled. TB301: it has been taken away.
WITH held AS (
  UPDATE public.job_tickets SET leased_until = now() + make_interval(secs => @seconds::double precision)
  WHERE job_id = @id AND leased_by = @instance_id::uuid AND attempt = @attempt
  RETURNING job_id
)
SELECT (CASE WHEN EXISTS (SELECT FROM held) THEN true ELSE public.require(false, 'TB301') END)::boolean AS held,
  EXISTS (SELECT FROM public.account_jobs j WHERE j.id = @id AND j.cancel_requested_at IS NOT NULL)::boolean AS cancelling;

-- name: JobSave :exec
-- Bound, or as owner, after JobHold: how far it is.
UPDATE public.account_jobs SET phase = @phase, progress = @progress, total = @total, updated_at = now(),
  checkpoint = CASE WHEN @set_checkpoint::boolean THEN CAST(sqlc.narg(checkpoint)::text AS jsonb) ELSE checkpoint END
WHERE id = @id;

-- name: JobEnd :execrows
-- Bound, or as owner: a job has come to its end, if who says so still has it.
WITH ended AS (
  DELETE FROM public.job_tickets WHERE job_id = @id AND leased_by = @instance_id::uuid AND attempt = @attempt RETURNING job_id
)
UPDATE public.account_jobs j SET state = @state, result = CAST(sqlc.narg(result)::text AS jsonb), error_code = sqlc.narg(error_code)::text,
  checkpoint = NULL, finished_at = now(), updated_at = now()
FROM ended
WHERE j.id = ended.job_id;

-- name: JobPutBack :execrows
-- Bound, or as owner: a job is to be done again, after so many seconds. A failure is counted and named.
WITH freed AS (
  UPDATE public.job_tickets SET leased_by = NULL, leased_until = NULL, due_at = now() + make_interval(secs => @seconds::double precision)
  WHERE job_id = @id AND leased_by = @instance_id::uuid AND attempt = @attempt
  RETURNING job_id
)
UPDATE public.account_jobs j SET state = 'waiting', updated_at = now(),
  failures = j.failures + CASE WHEN sqlc.narg(error_code)::text IS NULL THEN 0 ELSE 1 END,
  error_code = coalesce(sqlc.narg(error_code)::text, j.error_code)
FROM freed
WHERE j.id = freed.job_id;
