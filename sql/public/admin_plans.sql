-- name: PlanList :many
SELECT id, name, is_default, messages_per_day, messages_per_month, cost_per_day_microusd, tokens_per_minute, storage_bytes, models, created_at, updated_at
FROM public.plans
ORDER BY id;

-- name: PlanCounts :one
-- Bound to an admin.
SELECT public.count_plans()::jsonb AS counts;

-- name: PlanYieldDefault :exec
-- Bound to an admin: no other plan is the default one.
UPDATE public.plans SET is_default = false, updated_at = now() WHERE is_default AND id <> @id;

-- name: PlanAdd :exec
-- Bound to an admin.
INSERT INTO public.plans (id, name, is_default, messages_per_day, messages_per_month, cost_per_day_microusd, tokens_per_minute, storage_bytes, models)
VALUES (@id, @name, @is_default, sqlc.narg(messages_per_day)::integer, sqlc.narg(messages_per_month)::integer, sqlc.narg(cost_per_day_microusd)::bigint,
  sqlc.narg(tokens_per_minute)::bigint, sqlc.narg(storage_bytes)::bigint, sqlc.narg(models)::text[]);

-- name: PlanChange :execrows
-- Bound to an admin.
UPDATE public.plans SET name = @name, is_default = @is_default, messages_per_day = sqlc.narg(messages_per_day)::integer,
  messages_per_month = sqlc.narg(messages_per_month)::integer, cost_per_day_microusd = sqlc.narg(cost_per_day_microusd)::bigint,
  tokens_per_minute = sqlc.narg(tokens_per_minute)::bigint, storage_bytes = sqlc.narg(storage_bytes)::bigint, models = sqlc.narg(models)::text[],
  updated_at = now()
WHERE id = @id;

-- name: PlanRemove :execrows
-- Bound to an admin.
DELETE FROM public.plans WHERE id = @id;
