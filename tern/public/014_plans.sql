-- What users may take of what the operator pays for. Plans are data: admins write them, and say who has which.

CREATE TABLE public.plans (
  id                    text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  name                  text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  is_default            boolean NOT NULL DEFAULT false,
  messages_per_day      integer CHECK (messages_per_day >= 0),
  messages_per_month    integer CHECK (messages_per_month >= 0),
  cost_per_day_microusd bigint CHECK (cost_per_day_microusd >= 0),
  tokens_per_minute     bigint CHECK (tokens_per_minute > 0),
  storage_bytes         bigint CHECK (storage_bytes >= 0),
  models                text[] CHECK (cardinality(models) <= 500),
  created_at            timestamptz NOT NULL DEFAULT now(),
  updated_at            timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.plans IS 'Limits on what the operator pays for; a limit that is null does not limit. Keys of users'' own are free of all but storage_bytes.';
COMMENT ON COLUMN public.plans.is_default IS 'The plan of users who have none of their own. Where no plan is it, the server''s configuration says what they may.';
COMMENT ON COLUMN public.plans.messages_per_day IS 'By UTC day; messages_per_month likewise.';
COMMENT ON COLUMN public.plans.cost_per_day_microusd IS 'Millionths of a US dollar by UTC day, replies under way included at what they may come to.';
COMMENT ON COLUMN public.plans.tokens_per_minute IS 'Input and output together. Unused ones of the last minute are kept, and no more.';
COMMENT ON COLUMN public.plans.storage_bytes IS 'What all data of a user may take.';
COMMENT ON COLUMN public.plans.models IS 'Ids of the models that may be used with the operator''s keys.';
CREATE UNIQUE INDEX plans_default ON public.plans (is_default) WHERE is_default;

CREATE TABLE public.user_plans (
  user_id               uuid PRIMARY KEY,
  plan_id               text REFERENCES public.plans,
  messages_per_day      integer CHECK (messages_per_day >= 0),
  messages_per_month    integer CHECK (messages_per_month >= 0),
  cost_per_day_microusd bigint CHECK (cost_per_day_microusd >= 0),
  tokens_per_minute     bigint CHECK (tokens_per_minute > 0),
  storage_bytes         bigint CHECK (storage_bytes >= 0),
  models                text[] CHECK (cardinality(models) <= 500),
  updated_at            timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.user_plans IS 'Which plan a user has, and what is otherwise for this user: a limit that is null is the plan''s.';
COMMENT ON COLUMN public.user_plans.plan_id IS 'Null: the default plan.';
CREATE INDEX user_plans_by_plan ON public.user_plans (plan_id);

-- Everybody may know the plans; a user's own row is read behind the seal. Who writes them comes with admins.
ALTER TABLE public.plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY known ON public.plans FOR SELECT USING (true);
ALTER TABLE public.user_plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.user_plans FOR SELECT
  USING (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));

-- What applies to each user: the bound user alone, or everybody to who may see them all. A null of plan_id says that no plan does: then
-- what is null here is what the server's configuration says, and else it does not limit.
CREATE VIEW public.limits WITH (security_invoker = true) AS
SELECT t.user_id, p.id AS plan_id, p.name AS plan_name,
  coalesce(u.messages_per_day, p.messages_per_day) AS messages_per_day,
  coalesce(u.messages_per_month, p.messages_per_month) AS messages_per_month,
  coalesce(u.cost_per_day_microusd, p.cost_per_day_microusd) AS cost_per_day_microusd,
  coalesce(u.tokens_per_minute, p.tokens_per_minute) AS tokens_per_minute,
  coalesce(u.storage_bytes, p.storage_bytes) AS storage_bytes,
  coalesce(u.models, p.models) AS models
FROM public.tenants t
LEFT JOIN public.user_plans u ON u.user_id = t.user_id
LEFT JOIN public.plans p ON p.id = coalesce(u.plan_id, (SELECT d.id FROM public.plans d WHERE d.is_default));
COMMENT ON VIEW public.limits IS 'The limits that apply to each user: their own where they have them, else their plan''s, else the default plan''s.';
COMMENT ON COLUMN public.limits.plan_id IS 'Null: no plan applies, and limits that are null are those of the server''s configuration.';

-- Money is reserved when a reply begins and settled when it ends; what is reserved stands in its ticket, too.
ALTER TABLE public.quota_counters
  ADD COLUMN day_microusd bigint NOT NULL DEFAULT 0,
  ADD COLUMN day_reserved_microusd bigint NOT NULL DEFAULT 0 CHECK (day_reserved_microusd >= 0),
  ADD COLUMN last_reserved_microusd bigint NOT NULL DEFAULT 0 CHECK (last_reserved_microusd >= 0),
  ADD COLUMN tokens_until timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN public.quota_counters.day_microusd IS 'What settled replies of the day cost on the operator''s keys, in millionths of a US dollar: as the sum of usage_daily.';
COMMENT ON COLUMN public.quota_counters.day_reserved_microusd IS 'What replies of the day that are under way may come to: the sum of their tickets.';
COMMENT ON COLUMN public.quota_counters.last_reserved_microusd IS 'What the last reservation came to: a statement that makes one cannot see what was there before.';
COMMENT ON COLUMN public.quota_counters.tokens_until IS 'When the tokens taken so far are made up for, at the rate of the plan (GCRA).';
ALTER TABLE public.run_tickets
  ADD COLUMN reserved_microusd bigint NOT NULL DEFAULT 0 CHECK (reserved_microusd >= 0),
  ADD COLUMN reserved_on date;
COMMENT ON COLUMN public.run_tickets.reserved_microusd IS 'What the reply may come to, of the user''s ceiling for the day of reserved_on.';
COMMENT ON COLUMN public.run_tickets.reserved_on IS 'The UTC day in whose counters it stands; null: in none.';
UPDATE public.quota_counters q SET day_microusd = (SELECT coalesce(sum(d.cost_microusd), 0) FROM public.usage_daily d
  WHERE d.user_id = q.user_id AND d.day = q.day AND d.key_source = 'platform');

-- The journal and what is made of it know of the two new quotas. Of long functions only what changes is written here.
ALTER TABLE public.usage_events DROP CONSTRAINT usage_events_outcome_check,
  ADD CONSTRAINT usage_events_outcome_check CHECK (outcome IN ('complete', 'aborted', 'interrupted', 'failed', 'quota_day', 'quota_month', 'quota_cost', 'quota_tokens'));
ALTER TABLE public.user_quarters ADD COLUMN cost_hits integer NOT NULL DEFAULT 0, ADD COLUMN token_hits integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN public.user_quarters.cost_hits IS 'Messages refused because of the day''s ceiling in money.';
COMMENT ON COLUMN public.user_quarters.token_hits IS 'Messages refused because the tokens of the minute were used up.';
DROP INDEX public.user_quarters_hits;
CREATE INDEX user_quarters_hits ON public.user_quarters (quarter) WHERE day_hits > 0 OR month_hits > 0 OR cost_hits > 0 OR token_hits > 0;
DO $$
DECLARE
  c record;
  body text;
BEGIN
  FOR c IN SELECT * FROM (VALUES
    ('public.fold_usage(integer)', 'e.outcome NOT IN (''quota_day'', ''quota_month'')', 'e.outcome NOT LIKE ''quota%'''),
    ('public.fold_usage(integer)', 'count(*) FILTER (WHERE e.outcome = ''quota_month'') AS month_hits',
      'count(*) FILTER (WHERE e.outcome = ''quota_month'') AS month_hits, count(*) FILTER (WHERE e.outcome = ''quota_cost'') AS cost_hits, count(*) FILTER (WHERE e.outcome = ''quota_tokens'') AS token_hits'),
    ('public.fold_usage(integer)', 'own_microusd, day_hits, month_hits)', 'own_microusd, day_hits, month_hits, cost_hits, token_hits)'),
    ('public.fold_usage(integer)', 'o.day_hits, o.month_hits FROM own o', 'o.day_hits, o.month_hits, o.cost_hits, o.token_hits FROM own o'),
    ('public.fold_usage(integer)', 'month_hits = u.month_hits + excluded.month_hits',
      'month_hits = u.month_hits + excluded.month_hits, cost_hits = u.cost_hits + excluded.cost_hits, token_hits = u.token_hits + excluded.token_hits'),
    ('analytics.usage(date, date, text)', 'u.outcome NOT IN (''quota_day'', ''quota_month'')', 'u.outcome NOT LIKE ''quota%'''),
    ('analytics.outcomes(date, date, text)', 'u.outcome NOT IN (''quota_day'', ''quota_month'')', 'u.outcome NOT LIKE ''quota%'''),
    ('analytics.quota_hits(date, date, text)', 'u.outcome IN (''quota_day'', ''quota_month'')', 'u.outcome LIKE ''quota%'''),
    ('analytics.quota_hits(date, date, text)', '(WHERE q.month_hits > 0) AS by_month',
      '(WHERE q.month_hits > 0) AS by_month, count(DISTINCT q.user_id) FILTER (WHERE q.cost_hits > 0) AS by_cost, count(DISTINCT q.user_id) FILTER (WHERE q.token_hits > 0) AS by_tokens'),
    ('analytics.quota_hits(date, date, text)', '(q.day_hits > 0 OR q.month_hits > 0)', '(q.day_hits > 0 OR q.month_hits > 0 OR q.cost_hits > 0 OR q.token_hits > 0)'),
    ('analytics.quota_hits(date, date, text)', 'ELSE t.by_month END', 'WHEN ''month'' THEN t.by_month WHEN ''cost'' THEN t.by_cost ELSE t.by_tokens END'),
    ('analytics.quota_hits(date, date, text)', '(VALUES (''day''), (''month''))', '(VALUES (''day''), (''month''), (''cost''), (''tokens''))')
  ) v (f, was, becomes) LOOP
    body := pg_get_functiondef(c.f::regprocedure);
    IF position(c.was IN body) = 0 THEN
      RAISE EXCEPTION '% is not as it was: %', c.f, c.was;
    END IF;
    EXECUTE replace(body, c.was, c.becomes);
  END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.quota_hits(date, date, text) IS 'Messages refused because a quota was used up, by local day and quota.';
DO $$
BEGIN
  COMMENT ON COLUMN analytics.quota_hits.quota IS 'day or month: messages; cost: money of the day; tokens: of the minute.';
END
$$;

---- create above / drop below ----

DELETE FROM public.usage_events WHERE outcome IN ('quota_cost', 'quota_tokens');
DO $$
DECLARE
  c record;
  body text;
BEGIN
  FOR c IN SELECT * FROM (VALUES
    ('public.fold_usage(integer)', 'e.outcome NOT IN (''quota_day'', ''quota_month'')', 'e.outcome NOT LIKE ''quota%'''),
    ('public.fold_usage(integer)', 'count(*) FILTER (WHERE e.outcome = ''quota_month'') AS month_hits',
      'count(*) FILTER (WHERE e.outcome = ''quota_month'') AS month_hits, count(*) FILTER (WHERE e.outcome = ''quota_cost'') AS cost_hits, count(*) FILTER (WHERE e.outcome = ''quota_tokens'') AS token_hits'),
    ('public.fold_usage(integer)', 'own_microusd, day_hits, month_hits)', 'own_microusd, day_hits, month_hits, cost_hits, token_hits)'),
    ('public.fold_usage(integer)', 'o.day_hits, o.month_hits FROM own o', 'o.day_hits, o.month_hits, o.cost_hits, o.token_hits FROM own o'),
    ('public.fold_usage(integer)', 'month_hits = u.month_hits + excluded.month_hits',
      'month_hits = u.month_hits + excluded.month_hits, cost_hits = u.cost_hits + excluded.cost_hits, token_hits = u.token_hits + excluded.token_hits'),
    ('analytics.usage(date, date, text)', 'u.outcome NOT IN (''quota_day'', ''quota_month'')', 'u.outcome NOT LIKE ''quota%'''),
    ('analytics.outcomes(date, date, text)', 'u.outcome NOT IN (''quota_day'', ''quota_month'')', 'u.outcome NOT LIKE ''quota%'''),
    ('analytics.quota_hits(date, date, text)', 'u.outcome IN (''quota_day'', ''quota_month'')', 'u.outcome LIKE ''quota%'''),
    ('analytics.quota_hits(date, date, text)', '(WHERE q.month_hits > 0) AS by_month',
      '(WHERE q.month_hits > 0) AS by_month, count(DISTINCT q.user_id) FILTER (WHERE q.cost_hits > 0) AS by_cost, count(DISTINCT q.user_id) FILTER (WHERE q.token_hits > 0) AS by_tokens'),
    ('analytics.quota_hits(date, date, text)', '(q.day_hits > 0 OR q.month_hits > 0)', '(q.day_hits > 0 OR q.month_hits > 0 OR q.cost_hits > 0 OR q.token_hits > 0)'),
    ('analytics.quota_hits(date, date, text)', 'ELSE t.by_month END', 'WHEN ''month'' THEN t.by_month WHEN ''cost'' THEN t.by_cost ELSE t.by_tokens END'),
    ('analytics.quota_hits(date, date, text)', '(VALUES (''day''), (''month''))', '(VALUES (''day''), (''month''), (''cost''), (''tokens''))')
  ) v (f, was, becomes) LOOP
    body := pg_get_functiondef(c.f::regprocedure);
    IF position(c.becomes IN body) = 0 THEN
      RAISE EXCEPTION '% is not as it was: %', c.f, c.becomes;
    END IF;
    EXECUTE replace(body, c.becomes, c.was);
  END LOOP;
END
$$;
COMMENT ON COLUMN analytics.quota_hits.quota IS 'day or month: which one was used up.';
ALTER TABLE public.usage_events DROP CONSTRAINT usage_events_outcome_check,
  ADD CONSTRAINT usage_events_outcome_check CHECK (outcome IN ('complete', 'aborted', 'interrupted', 'failed', 'quota_day', 'quota_month'));
DROP INDEX public.user_quarters_hits;
ALTER TABLE public.user_quarters DROP COLUMN cost_hits, DROP COLUMN token_hits;
CREATE INDEX user_quarters_hits ON public.user_quarters (quarter) WHERE day_hits > 0 OR month_hits > 0;
ALTER TABLE public.run_tickets DROP COLUMN reserved_microusd, DROP COLUMN reserved_on;
ALTER TABLE public.quota_counters DROP COLUMN day_microusd, DROP COLUMN day_reserved_microusd, DROP COLUMN last_reserved_microusd, DROP COLUMN tokens_until;
DROP VIEW public.limits;
DROP TABLE public.user_plans, public.plans;
