-- name: RunContext :one
-- What a run needs of the user's own rows. One statement, since each costs as much as most of these are worth: few users have keys or
-- servers. Those come as JSON, null or a list whose members are named as the fields of KeyListRow, MCPServerListRow and MCPBuiltinListRow.
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
    'null')::jsonb AS builtins
FROM (VALUES (1)) one LEFT JOIN public.user_settings s ON true;

-- name: RunAdmit :one
-- Bound: notes a run of this brain in a ticket and, if it is charged, takes one message from the day's and the month's allowance: all or
-- nothing. Raises TB101 if either is used up.
WITH ticket AS (
  INSERT INTO public.run_tickets (run_id, instance_id, lock, ciphertext, key_id)
  SELECT @run_id::uuid, @instance_id::uuid, sha256(convert_to(current_setting('twobrains.key', true) || (@run_id::uuid)::text, 'UTF8')),
    @ciphertext::bytea, @key_id::text
), reserved AS (
  INSERT INTO public.quota_counters AS q (user_id, day, day_used, month, month_used)
  SELECT t.user_id, @day::date, 1, @month::date, 1
  FROM public.tenants t
  WHERE @charged::boolean AND @day_limit::integer > 0 AND @month_limit::integer > 0
  ON CONFLICT (user_id) DO UPDATE SET
    day = greatest(q.day, excluded.day),
    day_used = CASE WHEN excluded.day > q.day THEN 1 ELSE q.day_used + 1 END,
    month = greatest(q.month, excluded.month),
    month_used = CASE WHEN excluded.month > q.month THEN 1 ELSE q.month_used + 1 END
  WHERE (excluded.day > q.day OR q.day_used < @day_limit::integer)
    AND (excluded.month > q.month OR q.month_used < @month_limit::integer)
  RETURNING q.day
)
SELECT (CASE WHEN NOT @charged::boolean OR EXISTS (SELECT FROM reserved) THEN true ELSE public.require(false, 'TB101') END)::boolean AS admitted;
