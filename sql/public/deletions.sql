-- name: DeletionFind :one
-- As owner: the deletion of an account, by its digest.
SELECT id, requested_by, requested_at, step, steps, mails, error_code, finished_at FROM public.deletions WHERE digest = @digest;

-- name: DeletionGet :one
-- Of nobody: a receipt.
SELECT id, requested_by, requested_at, step, steps, mails, error_code, finished_at FROM public.deletions WHERE id = @id;

-- name: DeletionBegin :exec
-- As owner: the tombstone.
INSERT INTO public.deletions (id, digest, requested_by, step) VALUES (@id, @digest, @requested_by, @step);

-- name: DeletionUnregister :exec
-- As owner: whose key opens nothing of the public brain any more.
DELETE FROM public.tenants WHERE user_id = @user_id;

-- name: DeletionCancelJobs :exec
-- As owner: what else was to be done for the account; who is at work notices that its job is gone.
WITH jobs AS (DELETE FROM public.account_jobs WHERE user_id = @user_id RETURNING id)
DELETE FROM public.job_tickets t USING jobs WHERE t.job_id = jobs.id;

-- name: DeletionAddJob :exec
-- As owner.
WITH job AS (
  INSERT INTO public.account_jobs (id, user_id, kind) VALUES (@id, @user_id, @kind::text) RETURNING id, kind
)
INSERT INTO public.job_tickets (job_id, kind, ciphertext, key_id)
SELECT id, kind, @ciphertext::bytea, @key_id::text FROM job;

-- name: DeletionNote :exec
-- As owner: a step is done, and what comes next.
UPDATE public.deletions SET step = @next, steps = steps || jsonb_build_object(@done::text, now()), error_code = NULL
WHERE digest = @digest AND finished_at IS NULL;

-- name: DeletionFail :exec
-- As owner: why the step under way was not done yet.
UPDATE public.deletions SET error_code = @error_code WHERE digest = @digest AND finished_at IS NULL;

-- name: DeletionAddresses :one
-- As owner.
SELECT id, addresses_ciphertext, key_id FROM public.deletions WHERE digest = @digest;

-- name: DeletionKeepAddresses :exec
-- As owner.
UPDATE public.deletions SET addresses_ciphertext = @ciphertext::bytea, key_id = @key_id::text WHERE digest = @digest AND finished_at IS NULL;

-- name: DeletionFinish :exec
-- As owner: the last that tells of the account goes, and the receipt is complete.
WITH jobs AS (DELETE FROM public.account_jobs WHERE user_id = @user_id RETURNING id),
tickets AS (DELETE FROM public.job_tickets t USING jobs WHERE t.job_id = jobs.id)
UPDATE public.deletions SET step = 'done', steps = steps || jsonb_build_object(@done::text, now()), mails = @mails::text,
  addresses_ciphertext = NULL, key_id = NULL, error_code = NULL, finished_at = now()
WHERE digest = @digest AND finished_at IS NULL;

-- name: DeletionFold :exec
-- As owner: waits for who folds the journal now. Who does it later finds the account no more.
SELECT folded_at FROM public.usage_fold FOR UPDATE;

-- name: DeletionUsage :exec
-- As owner: what the account has used goes into one heap with what all deleted accounts have, so that totals stay and nobody's share can
-- be told.
WITH gone AS (DELETE FROM public.usage_daily d WHERE d.user_id = @user_id RETURNING d.*),
journal AS (UPDATE public.usage_events SET user_id = '00000000-0000-0000-0000-000000000000' WHERE user_id = @user_id)
INSERT INTO public.usage_daily AS u (user_id, day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd)
SELECT '00000000-0000-0000-0000-000000000000'::uuid, day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd
FROM gone
ORDER BY day, model, key_source
ON CONFLICT (user_id, day, model, key_source) DO UPDATE SET
  messages = u.messages + excluded.messages,
  input_tokens = u.input_tokens + excluded.input_tokens,
  cached_input_tokens = u.cached_input_tokens + excluded.cached_input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens,
  reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
  cost_microusd = u.cost_microusd + excluded.cost_microusd;

-- name: DeletionRunsStop :execrows
-- As owner: asks whoever makes these replies to stop.
UPDATE public.run_tickets SET stop_requested_at = coalesce(stop_requested_at, now()) WHERE run_id = ANY (CAST(@run_ids::text[] AS uuid[]));

-- name: DeletionRunsForget :exec
-- As owner, with the account's key bound: the tickets of these replies, and any that was left behind.
DELETE FROM public.run_tickets
WHERE run_id = ANY (CAST(@run_ids::text[] AS uuid[])) OR lock = sha256(convert_to(current_setting('twobrains.key', true) || run_id::text, 'UTF8'));

-- name: DeletionJob :one
-- As owner.
SELECT id FROM public.account_jobs WHERE user_id = @user_id AND kind = @kind AND finished_at IS NULL;
