-- name: UsageAdd :exec
INSERT INTO public.usage_daily AS u (user_id, day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd)
SELECT t.user_id, @day::date, @model::text, @key_source::text, @messages::bigint, @input_tokens::bigint, @cached_input_tokens::bigint,
  @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint
FROM public.tenants t
ON CONFLICT (user_id, day, model, key_source) DO UPDATE SET
  messages = u.messages + excluded.messages,
  input_tokens = u.input_tokens + excluded.input_tokens,
  cached_input_tokens = u.cached_input_tokens + excluded.cached_input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens,
  reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
  cost_microusd = u.cost_microusd + excluded.cost_microusd;

-- name: UsageAddOfRun :exec
-- UsageAdd, when a run ends: it has no ticket any more.
WITH ended AS (DELETE FROM public.run_tickets WHERE run_id = @run_id)
INSERT INTO public.usage_daily AS u (user_id, day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd)
SELECT t.user_id, @day::date, @model::text, @key_source::text, @messages::bigint, @input_tokens::bigint, @cached_input_tokens::bigint,
  @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint
FROM public.tenants t
ON CONFLICT (user_id, day, model, key_source) DO UPDATE SET
  messages = u.messages + excluded.messages,
  input_tokens = u.input_tokens + excluded.input_tokens,
  cached_input_tokens = u.cached_input_tokens + excluded.cached_input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens,
  reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
  cost_microusd = u.cost_microusd + excluded.cost_microusd;

-- name: UsageList :many
SELECT day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd
FROM public.usage_daily
WHERE day >= @since::date
ORDER BY day DESC, model, key_source;
