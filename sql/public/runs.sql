-- name: RunContext :one
-- What a run needs of the user's own rows. One statement, since each costs as much as most of these are worth: few users have keys or
-- servers. Those come as JSON, null or a list whose members are named as the fields of KeyListRow, MCPServerListRow and MCPBuiltinListRow;
-- the limits as PlanLimits gives them.
SELECT s.default_model, s.reasoning_effort, s.custom_instructions, s.tool_approval, coalesce(s.history_tool, false)::boolean AS history_tool,
  coalesce(s.memory, false)::boolean AS memory,
  coalesce((SELECT jsonb_agg(jsonb_build_object('Provider', k.provider, 'ID', k.id, 'Ciphertext', encode(k.ciphertext, 'base64'),
      'KeyID', k.key_id, 'LastFour', k.last_four, 'CreatedAt', k.created_at, 'LastUsedAt', k.last_used_at) ORDER BY k.provider)
    FROM public.user_api_keys k), 'null')::jsonb AS keys,
  coalesce((SELECT jsonb_agg(jsonb_build_object('ID', m.id, 'Name', m.name, 'Url', m.url, 'Transport', m.transport,
      'HeaderNames', m.header_names, 'HeadersCiphertext', encode(m.headers_ciphertext, 'base64'), 'KeyID', m.key_id,
      'Enabled', m.enabled, 'Approval', m.approval, 'CreatedAt', m.created_at, 'UpdatedAt', m.updated_at) ORDER BY m.id)
    FROM public.user_mcp_servers m), 'null')::jsonb AS servers,
  coalesce((SELECT jsonb_agg(jsonb_build_object('Server', b.server, 'Enabled', b.enabled)) FROM public.user_mcp_builtins b),
    'null')::jsonb AS builtins,
  coalesce((SELECT jsonb_build_object('PlanID', l.plan_id, 'PlanName', l.plan_name, 'Day', l.messages_per_day, 'Month', l.messages_per_month,
      'Cost', l.cost_per_day_microusd, 'Tokens', l.tokens_per_minute, 'Storage', l.storage_bytes, 'Models', l.models)
    FROM public.limits l), 'null')::jsonb AS limits
FROM (VALUES (1)) one LEFT JOIN public.user_settings s ON true;

-- name: RunAdmit :one
-- Bound: notes a run of this brain in a ticket and, if it is charged, takes of the user's allowances, all or nothing: a message of day and
-- month; of the money that the ceiling of the day leaves, up to the estimate, but not less than the minimum; and tokens, as the seconds in
-- which the plan makes up for them, where those taken before are made up for by tokens_by. A limit that is null does not limit. Raises TB101 if one stands in the
-- way. Counters that are at a later day than the run already keep nothing for it. reserved: what was; used and spent: what they say now.
WITH taken AS (
  INSERT INTO public.quota_counters AS q (user_id, day, day_used, month, month_used, day_reserved_microusd, last_reserved_microusd, tokens_until)
  SELECT t.user_id, @day::date, 1, @month::date, 1, w.money, w.money, (@now::timestamptz) + make_interval(secs => @token_seconds::double precision)
  FROM public.tenants t, (SELECT CASE WHEN sqlc.narg(cost_limit)::bigint IS NULL THEN 0 ELSE least(@estimate::bigint, sqlc.narg(cost_limit)::bigint) END AS money) w
  WHERE @charged::boolean AND coalesce(sqlc.narg(day_limit)::integer > 0, true) AND coalesce(sqlc.narg(month_limit)::integer > 0, true)
    AND coalesce((@minimum::bigint) <= sqlc.narg(cost_limit)::bigint, true)
  ON CONFLICT (user_id) DO UPDATE SET
    day = greatest(q.day, excluded.day),
    day_used = CASE WHEN excluded.day > q.day THEN 1 ELSE q.day_used + 1 END,
    month = greatest(q.month, excluded.month),
    month_used = CASE WHEN excluded.month > q.month THEN 1 ELSE q.month_used + 1 END,
    day_microusd = CASE WHEN excluded.day > q.day THEN 0 ELSE q.day_microusd END,
    day_reserved_microusd = CASE
      WHEN excluded.day > q.day THEN excluded.day_reserved_microusd
      WHEN excluded.day < q.day OR sqlc.narg(cost_limit)::bigint IS NULL THEN q.day_reserved_microusd
      ELSE q.day_reserved_microusd + greatest(0, least(@estimate::bigint, sqlc.narg(cost_limit)::bigint - q.day_microusd - q.day_reserved_microusd)) END,
    last_reserved_microusd = CASE
      WHEN excluded.day > q.day THEN excluded.day_reserved_microusd
      WHEN excluded.day < q.day OR sqlc.narg(cost_limit)::bigint IS NULL THEN 0
      ELSE greatest(0, least(@estimate::bigint, sqlc.narg(cost_limit)::bigint - q.day_microusd - q.day_reserved_microusd)) END,
    tokens_until = greatest(q.tokens_until, @now::timestamptz) + make_interval(secs => @token_seconds::double precision)
  WHERE (excluded.day > q.day OR coalesce(q.day_used < sqlc.narg(day_limit)::integer, true))
    AND (excluded.month > q.month OR coalesce(q.month_used < sqlc.narg(month_limit)::integer, true))
    AND (excluded.day <> q.day OR (@minimum::bigint) = 0
      OR coalesce(q.day_microusd + q.day_reserved_microusd + @minimum::bigint <= sqlc.narg(cost_limit)::bigint, true))
    AND coalesce(q.tokens_until <= sqlc.narg(tokens_by)::timestamptz, true)
  RETURNING q.day, q.day_used, q.month_used, q.day_microusd + q.day_reserved_microusd AS spent, q.last_reserved_microusd AS reserved
), ticket AS (
  INSERT INTO public.run_tickets (run_id, instance_id, lock, ciphertext, key_id, reserved_microusd, reserved_on)
  SELECT @run_id::uuid, @instance_id::uuid, sha256(convert_to(current_setting('twobrains.key', true) || (@run_id::uuid)::text, 'UTF8')),
    @ciphertext::bytea, @key_id::text, coalesce(n.reserved, 0), n.day
  FROM (VALUES (1)) one LEFT JOIN taken n ON true
)
SELECT (CASE WHEN NOT @charged::boolean OR n.day IS NOT NULL THEN true ELSE public.require(false, 'TB101') END)::boolean AS admitted,
  coalesce(n.day_used, 0)::integer AS day_used, coalesce(n.month_used, 0)::integer AS month_used, coalesce(n.spent, 0)::bigint AS spent,
  coalesce(n.reserved, 0)::bigint AS reserved, coalesce(n.day > @day::date, false)::boolean AS moved_on
FROM (VALUES (1)) one LEFT JOIN taken n ON true;

-- name: RunExtend :one
-- Bound: reserves more for a run under way, up to so much, but not less than the minimum. granted: what could be. of_today is
-- false where the counters have gone on to a later day, whose ceiling the run does not concern, or somebody else has settled the run.
WITH ticket AS (
  SELECT t.run_id, t.reserved_on FROM public.run_tickets t WHERE t.run_id = @run_id AND t.reserved_on IS NOT NULL FOR UPDATE
), taken AS (
  UPDATE public.quota_counters q SET
    day_reserved_microusd = q.day_reserved_microusd + least(@more::bigint, (@cost_limit::bigint) - q.day_microusd - q.day_reserved_microusd),
    last_reserved_microusd = least(@more::bigint, (@cost_limit::bigint) - q.day_microusd - q.day_reserved_microusd)
  FROM ticket t
  WHERE q.day = t.reserved_on AND q.day_microusd + q.day_reserved_microusd + @minimum::bigint <= @cost_limit::bigint
  RETURNING q.last_reserved_microusd AS granted
), noted AS (
  UPDATE public.run_tickets t SET reserved_microusd = t.reserved_microusd + n.granted FROM taken n WHERE t.run_id = @run_id
)
SELECT coalesce((SELECT n.granted FROM taken n), 0)::bigint AS granted,
  coalesce((SELECT q.day = t.reserved_on FROM public.quota_counters q, ticket t), false)::boolean AS of_today;
