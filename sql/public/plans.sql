-- name: PlanLimits :one
-- Bound: what the user may. Members that are null do not limit, or, where PlanID is, are the configuration's.
SELECT jsonb_build_object('PlanID', l.plan_id, 'PlanName', l.plan_name, 'Day', l.messages_per_day, 'Month', l.messages_per_month,
  'Cost', l.cost_per_day_microusd, 'Tokens', l.tokens_per_minute, 'Storage', l.storage_bytes, 'Models', l.models)::jsonb AS limits
FROM public.limits l;
