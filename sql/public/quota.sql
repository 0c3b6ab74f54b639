-- name: QuotaGet :one
SELECT day, day_used, month, month_used FROM public.quota_counters;

-- name: QuotaHit :exec
-- A message was refused: of which allowance nothing is left, the month's first.
INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome)
SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, 'platform',
  CASE WHEN @month_limit::integer <= 0 OR q.month >= @month::date AND q.month_used >= @month_limit::integer THEN 'quota_month' ELSE 'quota_day' END
FROM public.tenants t LEFT JOIN public.quota_counters q ON q.user_id = t.user_id;

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
