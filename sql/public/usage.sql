-- name: UsageAdd :exec
-- What was used beside a run, accounted for where the run is.
WITH event AS (
  INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, runs, messages, input_tokens, cached_input_tokens, output_tokens,
    reasoning_tokens, cost_microusd)
  SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, @key_source::text, 'complete', 0,
    @messages::bigint, @input_tokens::bigint,
    @cached_input_tokens::bigint, @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint
  FROM public.tenants t
)
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

-- name: UsageAmend :exec
-- The difference between what was accounted for a run that another process had ended, and what it was.
WITH event AS (
  INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, runs, messages, input_tokens, cached_input_tokens, output_tokens,
    reasoning_tokens, cost_microusd)
  SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, @key_source::text, e.outcome, e.runs,
    e.part * @messages::bigint, e.part * @input_tokens::bigint, e.part * @cached_input_tokens::bigint, e.part * @output_tokens::bigint,
    e.part * @reasoning_tokens::bigint, e.part * @cost_microusd::bigint
  FROM public.tenants t, (VALUES (@was::text, -1, 0), (@outcome::text, 1, 1)) e (outcome, runs, part)
)
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
-- When a run ends: it has no ticket any more, an entry in the journal, and on its day what it used, if that is anything.
WITH ended AS (DELETE FROM public.run_tickets WHERE run_id = @run_id), event AS (
  INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, runs, messages, input_tokens, cached_input_tokens, output_tokens,
    reasoning_tokens, cost_microusd, first_token_ms)
  SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, @key_source::text, @outcome::text, 1,
    @messages::bigint, @input_tokens::bigint,
    @cached_input_tokens::bigint, @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint,
    sqlc.narg(first_token_ms)::integer
  FROM public.tenants t
)
INSERT INTO public.usage_daily AS u (user_id, day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd)
SELECT t.user_id, @day::date, @model::text, @key_source::text, @messages::bigint, @input_tokens::bigint, @cached_input_tokens::bigint,
  @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint
FROM public.tenants t
WHERE @used::boolean
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

-- name: UsageFold :one
-- Unbound: folds up to so many rows of the journal into the roll-ups.
SELECT public.fold_usage(@max_rows::integer)::integer AS folded;
