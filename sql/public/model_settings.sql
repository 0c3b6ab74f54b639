-- name: ModelSettingList :many
-- What admins set about models, also about those that no server lists any more.
SELECT model, enabled, is_default, input_microusd, cached_input_microusd, output_microusd FROM public.model_settings
ORDER BY model;

-- name: ModelYieldDefault :exec
-- Bound to an admin: no other model is the default one.
UPDATE public.model_settings SET is_default = false, updated_at = now() WHERE is_default AND model <> @model;

-- name: ModelSet :exec
-- Bound to an admin.
INSERT INTO public.model_settings (model, enabled, is_default, input_microusd, cached_input_microusd, output_microusd)
VALUES (@model, @enabled, @is_default, sqlc.narg(input_microusd)::bigint, sqlc.narg(cached_input_microusd)::bigint, sqlc.narg(output_microusd)::bigint)
ON CONFLICT (model) DO UPDATE SET
  enabled = excluded.enabled, is_default = excluded.is_default, input_microusd = excluded.input_microusd,
  cached_input_microusd = excluded.cached_input_microusd, output_microusd = excluded.output_microusd, updated_at = now();
