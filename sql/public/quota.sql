-- name: QuotaGet :one
SELECT day, day_used, month, month_used FROM public.quota_counters;

-- name: QuotaReserve :one
-- Takes one message from the day's and the month's allowance, both or neither; raises TB101 if either is used up.
WITH reserved AS (
  INSERT INTO public.quota_counters AS q (user_id, day, day_used, month, month_used)
  SELECT t.user_id, @day::date, 1, @month::date, 1
  FROM public.tenants t
  WHERE @day_limit::integer > 0 AND @month_limit::integer > 0
  ON CONFLICT (user_id) DO UPDATE SET
    day = greatest(q.day, excluded.day),
    day_used = CASE WHEN excluded.day > q.day THEN 1 ELSE q.day_used + 1 END,
    month = greatest(q.month, excluded.month),
    month_used = CASE WHEN excluded.month > q.month THEN 1 ELSE q.month_used + 1 END
  WHERE (excluded.day > q.day OR q.day_used < @day_limit::integer)
    AND (excluded.month > q.month OR q.month_used < @month_limit::integer)
  RETURNING q.day, q.day_used, q.month_used
)
SELECT public.require(EXISTS (SELECT FROM reserved), 'TB101')::boolean AS reserved,
  coalesce((SELECT day_used FROM reserved), 0)::integer AS day_used,
  coalesce((SELECT month_used FROM reserved), 0)::integer AS month_used;

-- name: QuotaRefund :exec
-- Gives back what QuotaReserve took on a day, unless that day or its month is over.
UPDATE public.quota_counters SET
  day_used = CASE WHEN day = @day::date THEN greatest(day_used - 1, 0) ELSE day_used END,
  month_used = CASE WHEN month = date_trunc('month', @day::date)::date THEN greatest(month_used - 1, 0) ELSE month_used END;

-- name: QuotaRetake :exec
-- Takes again what QuotaRefund gave back, whatever the limits: the reply is there after all.
UPDATE public.quota_counters SET
  day_used = CASE WHEN day = @day::date THEN day_used + 1 ELSE day_used END,
  month_used = CASE WHEN month = date_trunc('month', @day::date)::date THEN month_used + 1 ELSE month_used END;
