-- name: QuotaGet :one
SELECT day, day_used, month, month_used, day_microusd, day_reserved_microusd, tokens_until FROM public.quota_counters;

-- name: QuotaHit :exec
-- A message was refused for a quota.
INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome)
SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, 'platform', @outcome::text
FROM public.tenants t;

-- name: QuotaRefund :exec
-- Gives back what RunAdmit took on a day, unless that day or its month is over.
UPDATE public.quota_counters SET
  day_used = CASE WHEN day = @day::date THEN greatest(day_used - 1, 0) ELSE day_used END,
  month_used = CASE WHEN month = date_trunc('month', @day::date)::date THEN greatest(month_used - 1, 0) ELSE month_used END;

-- name: QuotaRetake :exec
-- Takes again what QuotaRefund gave back, whatever the limits: the reply is there after all.
UPDATE public.quota_counters SET
  day_used = CASE WHEN day = @day::date THEN day_used + 1 ELSE day_used END,
  month_used = CASE WHEN month = date_trunc('month', @day::date)::date THEN month_used + 1 ELSE month_used END;
