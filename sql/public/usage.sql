-- name: UsageAdd :exec
-- What was used beside a run, accounted for where the run is.
WITH event AS (
  INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, runs, messages, input_tokens, cached_input_tokens, output_tokens,
    reasoning_tokens, cost_microusd)
  SELECT t.user_id, floor(extract(epoch FROM @started_at::timestamptz) / 900)::integer, @model::text, @key_source::text, 'complete', 0,
    @messages::bigint, @input_tokens::bigint,
    @cached_input_tokens::bigint, @output_tokens::bigint, @reasoning_tokens::bigint, @cost_microusd::bigint
  FROM public.tenants t
), counted AS (
  UPDATE public.quota_counters q SET day_microusd = q.day_microusd + @cost_microusd::bigint
  WHERE q.day = @day::date AND @key_source::text = 'platform'
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
), counted AS (
  UPDATE public.quota_counters q SET day_microusd = q.day_microusd + @cost_microusd::bigint
  WHERE q.day = @day::date AND @key_source::text = 'platform'
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
-- When a run ends: it has no ticket any more, an entry in the journal, and on its day what it used, if that is anything. What the ticket
-- held is released, what the run cost is counted, and the tokens that it took are set right: a debt delays the next message.
WITH ended AS (
  DELETE FROM public.run_tickets WHERE run_id = @run_id RETURNING reserved_microusd, reserved_on
), counted AS (
  UPDATE public.quota_counters q SET
    day_reserved_microusd = greatest(0, q.day_reserved_microusd - coalesce((SELECT e.reserved_microusd FROM ended e WHERE e.reserved_on = q.day), 0)),
    day_microusd = q.day_microusd + CASE WHEN q.day = @day::date THEN @cost_microusd::bigint ELSE 0 END,
    tokens_until = CASE WHEN (@owed_tokens::double precision) > 0 THEN greatest(q.tokens_until, @now::timestamptz) ELSE q.tokens_until END
      + make_interval(secs => coalesce((@owed_tokens::double precision) / (SELECT l.tokens_per_minute / 60.0 FROM public.limits l), 0))
  WHERE @key_source::text = 'platform'
), event AS (
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
