-- name: AdminAdmit :one
-- Bound: whether the user is an admin. Their own row is all that the seal shows.
SELECT EXISTS (SELECT FROM public.admins)::boolean AS admin;

-- name: AdminRequest :exec
-- What the audit notes as the request of every change until the transaction ends.
SELECT set_config('twobrains.request', @request::text, true);

-- name: AdminNote :exec
-- Bound to an admin: what they do beside changing rows that are audited by themselves.
SELECT public.note_admin(@action::text, sqlc.narg(subject)::uuid, sqlc.narg(target)::text, @detail::text, sqlc.narg(request)::text);

-- name: AdminAccount :one
-- Bound to an admin.
SELECT public.read_account(@subject::uuid)::jsonb AS account;

-- name: AdminAccounts :one
-- Bound to an admin. Ids go as text, so that they travel alike with and without prepared statements.
SELECT public.list_accounts(CAST(@subjects::text[] AS uuid[]))::jsonb AS accounts;

-- name: AdminAssign :exec
-- Bound to an admin.
SELECT public.assign_plan(@subject::uuid, sqlc.narg(plan)::text, sqlc.narg(messages_per_day)::integer, sqlc.narg(messages_per_month)::integer,
  sqlc.narg(cost_per_day_microusd)::bigint, sqlc.narg(tokens_per_minute)::bigint, sqlc.narg(storage_bytes)::bigint, sqlc.narg(models)::text[]);

-- name: AdminAudit :many
-- Bound to an admin, the newest first. An action is meant with all that begins with it and a dot.
SELECT id, at, actor, actor_id, action, subject, object, target, change, detail, request_id FROM public.audit_log
WHERE id < @before::bigint
  AND (sqlc.narg(actor)::text IS NULL OR actor = sqlc.narg(actor))
  AND (sqlc.narg(actor_id)::uuid IS NULL OR actor_id = sqlc.narg(actor_id))
  AND (sqlc.narg(subject)::uuid IS NULL OR subject = sqlc.narg(subject))
  AND (sqlc.narg(action)::text IS NULL OR action = sqlc.narg(action) OR starts_with(action, sqlc.narg(action) || '.'))
ORDER BY id DESC
LIMIT @max_rows::integer;
