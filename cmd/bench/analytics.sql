-- 100,000 users and 30 days: a tenth comes on most days, three tenths now and then, the rest rarely; who comes sends some messages in
-- one to four quarters of an hour, more of them in the evening, to one of six models. $USERS is how many there are.

CREATE SCHEMA bench_baseline;
CREATE TABLE bench_baseline.runs (
  user_id uuid NOT NULL, at timestamptz NOT NULL, model text NOT NULL, key_source text NOT NULL, outcome text NOT NULL,
  input_tokens bigint NOT NULL, output_tokens bigint NOT NULL, cost_microusd bigint NOT NULL, first_token_ms integer
);

INSERT INTO public.tenants (user_id, schema_name, lock, key_id, version, created_at)
SELECT md5('analytics ' || u)::uuid, 'u_' || md5('analytics ' || u), sha256(convert_to('analytics ' || u, 'UTF8')), 'bench', 1,
  now() - interval '30 days' - make_interval(hours => CASE WHEN u % 3 = 0 THEN -(u % 720) ELSE u % 9000 END)
FROM generate_series(1, $USERS) u;

SELECT setseed(0.5);
INSERT INTO bench_baseline.runs
SELECT md5('analytics ' || s.u)::uuid, s.at + make_interval(secs => 840 * random()), m.model, CASE WHEN s.u % 9 = 0 THEN 'own' ELSE 'platform' END,
  CASE WHEN m.r < 0.94 THEN 'complete' WHEN m.r < 0.965 THEN 'aborted' WHEN m.r < 0.98 THEN 'interrupted' WHEN m.r < 0.995 THEN 'failed' ELSE 'quota_day' END,
  (300 + 4000 * m.x)::bigint * m.made, (50 + 900 * m.x * m.x)::bigint * m.made, (200 + 30000 * m.x * m.x)::bigint * m.made,
  CASE WHEN m.r < 0.98 THEN (250 * exp(2.2 * m.x))::integer END
FROM (
  SELECT u, date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => d)
    + make_interval(mins => 15 * ((32 + floor(64 * sqrt(random())) + q * floor(3 * random()))::integer % 96)) AS at
  FROM generate_series(0, 29) d, generate_series(1, $USERS) u, generate_series(1, 4) q
  WHERE (hashint8(u::bigint * 31 + d) & 1023) < CASE WHEN u % 10 = 0 THEN 717 WHEN u % 10 < 4 THEN 256 ELSE 51 END
    AND q <= 1 + (hashint8(u::bigint * 7 + d) & 3)
) s,
LATERAL (
  SELECT e.*, (e.r < 0.995)::integer AS made FROM (SELECT ('{openai:gpt,anthropic:opus,anthropic:haiku,google:pro,openrouter:glm,openai:mini}'::text[])[1 + floor(6 * random() * random())::integer] AS model,
    random() AS r, random() AS x
  FROM generate_series(1, 1 + floor(5 * random() * random() + 0 * s.u)::integer)) e
) m
WHERE s.at < now();
CREATE INDEX ON bench_baseline.runs (at);
CREATE INDEX ON bench_baseline.runs (user_id, at);

-- The roll-ups of it, as folding makes them.
INSERT INTO public.usage_quarters (quarter, model, key_source, outcome, runs, messages, input_tokens, output_tokens, cost_microusd)
SELECT floor(extract(epoch FROM at) / 900)::integer, model, key_source, outcome, count(*), count(*) FILTER (WHERE outcome <> 'quota_day'), sum(input_tokens), sum(output_tokens), sum(cost_microusd)
FROM bench_baseline.runs GROUP BY 1, 2, 3, 4;
INSERT INTO public.latency_quarters (quarter, model, key_source, bucket, runs)
SELECT floor(extract(epoch FROM at) / 900)::integer, model, key_source, ceil(4 * ln(first_token_ms::float8) / ln(2::float8) - 1e-9)::smallint, count(*)
FROM bench_baseline.runs WHERE first_token_ms IS NOT NULL GROUP BY 1, 2, 3, 4;
INSERT INTO public.user_quarters (user_id, quarter, messages, tokens, platform_microusd, own_microusd, day_hits, month_hits)
SELECT user_id, floor(extract(epoch FROM at) / 900)::integer AS quarter, count(*) FILTER (WHERE outcome <> 'quota_day'), sum(input_tokens + output_tokens),
  coalesce(sum(cost_microusd) FILTER (WHERE key_source = 'platform'), 0), coalesce(sum(cost_microusd) FILTER (WHERE key_source = 'own'), 0),
  count(*) FILTER (WHERE outcome = 'quota_day'), 0
FROM bench_baseline.runs GROUP BY 1, 2 ORDER BY 2;
INSERT INTO public.user_days (user_id, day, first_quarter, last_quarter, prev_quarter, signup_quarter, messages, tokens, platform_microusd, own_microusd)
SELECT d.user_id, d.day, d.first, d.last, lag(d.last) OVER (PARTITION BY d.user_id ORDER BY d.day), floor(extract(epoch FROM t.created_at) / 900)::integer,
  d.messages, d.tokens, d.platform, d.own
FROM (
  SELECT user_id, quarter / 96 AS day, min(quarter) AS first, max(quarter) AS last, sum(messages) AS messages, sum(tokens) AS tokens,
    sum(platform_microusd) AS platform, sum(own_microusd) AS own
  FROM public.user_quarters WHERE messages > 0 GROUP BY 1, 2
) d JOIN public.tenants t ON t.user_id = d.user_id
ORDER BY d.day;
