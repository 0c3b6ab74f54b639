-- What operators want to know of all users together. A run writes one row into a journal, as it settles, and waits for nobody: rows
-- that users share would make them queue. Servers fold the journal into roll-ups by quarter of an hour, which the schema analytics
-- reads. A quarter, because the days of all time zones begin on one: hours would be wrong in Nepal, India and Newfoundland.
--
-- A quarter stands as its number: seconds since 1970-01-01 UTC, divided by 900. to_timestamp(quarter * 900.0) is when it begins.

CREATE TABLE public.usage_events (
  user_id             uuid NOT NULL,
  quarter             integer NOT NULL,
  model               text NOT NULL,
  key_source          text NOT NULL CHECK (key_source IN ('platform', 'own')),
  outcome             text NOT NULL CHECK (outcome IN ('complete', 'aborted', 'interrupted', 'failed', 'quota_day', 'quota_month')),
  runs                integer NOT NULL DEFAULT 1,
  messages            bigint NOT NULL DEFAULT 0,
  input_tokens        bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens       bigint NOT NULL DEFAULT 0,
  reasoning_tokens    bigint NOT NULL DEFAULT 0,
  cost_microusd       bigint NOT NULL DEFAULT 0,
  first_token_ms      integer CHECK (first_token_ms >= 0)
);
COMMENT ON TABLE public.usage_events IS 'Runs settled, and messages refused for a quota, that are not folded into the roll-ups yet: a few seconds'' worth.';
COMMENT ON COLUMN public.usage_events.user_id IS 'Nil (all zeros): of an account that was deleted since.';
COMMENT ON COLUMN public.usage_events.quarter IS 'When the run began.';
COMMENT ON COLUMN public.usage_events.runs IS '-1 takes back a run whose end turned out to be another.';
COMMENT ON COLUMN public.usage_events.first_token_ms IS 'From the request to the first of the reply, in milliseconds; null: there was none, or nobody knows.';

CREATE TABLE public.usage_quarters (
  quarter             integer NOT NULL,
  model               text NOT NULL,
  key_source          text NOT NULL,
  outcome             text NOT NULL,
  runs                bigint NOT NULL DEFAULT 0,
  messages            bigint NOT NULL DEFAULT 0,
  input_tokens        bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens       bigint NOT NULL DEFAULT 0,
  reasoning_tokens    bigint NOT NULL DEFAULT 0,
  cost_microusd       bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (quarter, model, key_source, outcome)
) WITH (fillfactor = 80);
COMMENT ON TABLE public.usage_quarters IS 'What all users together have used, by the quarter of an hour in which runs began, model, whose key paid and how they ended.';

CREATE TABLE public.latency_quarters (
  quarter    integer NOT NULL,
  model      text NOT NULL,
  key_source text NOT NULL,
  bucket     smallint NOT NULL,
  runs       bigint NOT NULL,
  PRIMARY KEY (quarter, model, key_source, bucket)
) WITH (fillfactor = 80);
COMMENT ON TABLE public.latency_quarters IS 'How many runs took how long to their first token.';
COMMENT ON COLUMN public.latency_quarters.bucket IS 'Those of more than 2^((bucket-1)/4) and at most 2^(bucket/4) milliseconds.';

CREATE TABLE public.user_days (
  user_id           uuid NOT NULL,
  day               integer NOT NULL,
  first_quarter     integer NOT NULL,
  last_quarter      integer NOT NULL,
  prev_quarter      integer,
  signup_quarter    integer NOT NULL,
  messages          bigint NOT NULL,
  tokens            bigint NOT NULL,
  platform_microusd bigint NOT NULL,
  own_microusd      bigint NOT NULL,
  PRIMARY KEY (user_id, day)
) WITH (fillfactor = 90);
COMMENT ON TABLE public.user_days IS 'When a user was active on a UTC day, and what they used on it. Who was active in some span is told by the first row in it: the one whose prev_quarter is before it.';
COMMENT ON COLUMN public.user_days.day IS 'Days since 1970-01-01, UTC.';
COMMENT ON COLUMN public.user_days.first_quarter IS 'In which their first run of the day began.';
COMMENT ON COLUMN public.user_days.prev_quarter IS 'The last one before this day in which they began a run; null: there is none.';
COMMENT ON COLUMN public.user_days.signup_quarter IS 'In which their private brain was registered.';
COMMENT ON COLUMN public.user_days.tokens IS 'Input and output together.';
CREATE INDEX user_days_by_day ON public.user_days (day);

CREATE TABLE public.user_quarters (
  user_id           uuid NOT NULL,
  quarter           integer NOT NULL,
  messages          bigint NOT NULL,
  tokens            bigint NOT NULL,
  platform_microusd bigint NOT NULL,
  own_microusd      bigint NOT NULL,
  day_hits          integer NOT NULL,
  month_hits        integer NOT NULL,
  PRIMARY KEY (user_id, quarter)
) WITH (fillfactor = 90);
COMMENT ON TABLE public.user_quarters IS 'What a user used by quarter of an hour: read where a local day ends within a UTC day.';
COMMENT ON COLUMN public.user_quarters.day_hits IS 'Messages refused because the day''s quota was used up; month_hits likewise.';
CREATE INDEX user_quarters_by_quarter ON public.user_quarters (quarter);
CREATE INDEX user_quarters_hits ON public.user_quarters (quarter) WHERE day_hits > 0 OR month_hits > 0;

CREATE TABLE public.departed_signups (
  quarter  integer NOT NULL,
  accounts bigint NOT NULL
);
CREATE INDEX departed_signups_by_quarter ON public.departed_signups (quarter);
COMMENT ON TABLE public.departed_signups IS 'When accounts that are deleted by now had signed up; whose they were is not known.';

CREATE TABLE public.usage_fold (
  held      boolean PRIMARY KEY DEFAULT true CHECK (held),
  folded_at timestamptz NOT NULL
);
COMMENT ON TABLE public.usage_fold IS 'When the journal was last folded; whoever folds holds the row.';
INSERT INTO public.usage_fold (folded_at) VALUES (now());

-- The seal. Who is bound may add their own events and look at their own roll-ups; only the owner writes those. What belongs to nobody is
-- not shown to servers at all.
ALTER TABLE public.usage_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.usage_events FOR INSERT
  WITH CHECK (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['user_days', 'user_quarters'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format($p$
      CREATE POLICY seal ON public.%I FOR SELECT
        USING (user_id = (SELECT o.user_id FROM public.tenants o
          WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))))$p$, t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['usage_quarters', 'latency_quarters', 'departed_signups', 'usage_fold'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
  END LOOP;
END
$$;

-- Folds some events into the roll-ups and returns how many; 0 also while another does. It runs as the owner, and is told nothing but
-- how many.
CREATE FUNCTION public.fold_usage(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  folded  integer;
  users   uuid[];
  touched integer[];
BEGIN
  PERFORM FROM public.usage_fold FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  WITH taken AS (
    DELETE FROM public.usage_events e WHERE e.ctid = ANY (ARRAY(SELECT n.ctid FROM public.usage_events n LIMIT most)) RETURNING e.*
  ), quarters AS (
    INSERT INTO public.usage_quarters AS u (quarter, model, key_source, outcome, runs, messages, input_tokens, cached_input_tokens,
      output_tokens, reasoning_tokens, cost_microusd)
    SELECT e.quarter, e.model, e.key_source, e.outcome, sum(e.runs), sum(e.messages), sum(e.input_tokens), sum(e.cached_input_tokens),
      sum(e.output_tokens), sum(e.reasoning_tokens), sum(e.cost_microusd)
    FROM taken e
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (quarter, model, key_source, outcome) DO UPDATE SET
      runs = u.runs + excluded.runs, messages = u.messages + excluded.messages,
      input_tokens = u.input_tokens + excluded.input_tokens, cached_input_tokens = u.cached_input_tokens + excluded.cached_input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
      cost_microusd = u.cost_microusd + excluded.cost_microusd
  ), latency AS (
    INSERT INTO public.latency_quarters AS l (quarter, model, key_source, bucket, runs)
    SELECT e.quarter, e.model, e.key_source, ceil(4 * ln(greatest(e.first_token_ms, 1)::float8) / ln(2::float8) - 1e-9)::smallint, count(*)
    FROM taken e
    WHERE e.first_token_ms IS NOT NULL
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (quarter, model, key_source, bucket) DO UPDATE SET runs = l.runs + excluded.runs
  ), own AS (
    SELECT e.user_id, e.quarter, floor(extract(epoch FROM min(t.created_at)) / 900)::integer AS signup,
      bool_or(e.outcome NOT IN ('quota_day', 'quota_month')) AS active,
      sum(e.messages)::bigint AS messages, sum(e.input_tokens + e.output_tokens)::bigint AS tokens,
      coalesce(sum(e.cost_microusd) FILTER (WHERE e.key_source = 'platform'), 0)::bigint AS platform,
      coalesce(sum(e.cost_microusd) FILTER (WHERE e.key_source = 'own'), 0)::bigint AS own,
      count(*) FILTER (WHERE e.outcome = 'quota_day') AS day_hits, count(*) FILTER (WHERE e.outcome = 'quota_month') AS month_hits
    FROM taken e JOIN public.tenants t ON t.user_id = e.user_id
    GROUP BY 1, 2
  ), by_quarter AS (
    INSERT INTO public.user_quarters AS u (user_id, quarter, messages, tokens, platform_microusd, own_microusd, day_hits, month_hits)
    SELECT o.user_id, o.quarter, o.messages, o.tokens, o.platform, o.own, o.day_hits, o.month_hits FROM own o
    ON CONFLICT (user_id, quarter) DO UPDATE SET
      messages = u.messages + excluded.messages, tokens = u.tokens + excluded.tokens,
      platform_microusd = u.platform_microusd + excluded.platform_microusd, own_microusd = u.own_microusd + excluded.own_microusd,
      day_hits = u.day_hits + excluded.day_hits, month_hits = u.month_hits + excluded.month_hits
  ), by_day AS (
    INSERT INTO public.user_days AS u (user_id, day, first_quarter, last_quarter, signup_quarter, messages, tokens, platform_microusd, own_microusd)
    SELECT o.user_id, o.quarter / 96, min(o.quarter), max(o.quarter), min(o.signup), sum(o.messages), sum(o.tokens), sum(o.platform), sum(o.own)
    FROM own o
    WHERE o.active
    GROUP BY 1, 2
    ON CONFLICT (user_id, day) DO UPDATE SET
      first_quarter = least(u.first_quarter, excluded.first_quarter), last_quarter = greatest(u.last_quarter, excluded.last_quarter),
      messages = u.messages + excluded.messages, tokens = u.tokens + excluded.tokens,
      platform_microusd = u.platform_microusd + excluded.platform_microusd, own_microusd = u.own_microusd + excluded.own_microusd
    RETURNING u.user_id, u.day
  )
  SELECT (SELECT count(*) FROM taken), array_agg(d.user_id), array_agg(d.day) INTO folded, users, touched FROM by_day d;

  -- Runs settle in any order: of each day that changed, and of the user's next one, what came before is looked up.
  WITH changed AS (
    SELECT c.user_id, c.day FROM unnest(users, touched) c (user_id, day)
    UNION
    SELECT n.user_id, n.day FROM unnest(users, touched) c (user_id, day), LATERAL (
      SELECT d.user_id, d.day FROM public.user_days d WHERE d.user_id = c.user_id AND d.day > c.day ORDER BY d.day LIMIT 1) n
  ), before AS (
    SELECT c.user_id, c.day, (SELECT d.last_quarter FROM public.user_days d WHERE d.user_id = c.user_id AND d.day < c.day
      ORDER BY d.day DESC LIMIT 1) AS quarter
    FROM changed c
  )
  UPDATE public.user_days d SET prev_quarter = b.quarter
  FROM before b
  WHERE d.user_id = b.user_id AND d.day = b.day AND d.prev_quarter IS DISTINCT FROM b.quarter;
  UPDATE public.usage_fold SET folded_at = now();
  RETURN folded;
END
$$;
REVOKE ALL ON FUNCTION public.fold_usage(integer) FROM PUBLIC;
COMMENT ON FUNCTION public.fold_usage(integer) IS 'Folds up to so many rows of usage_events into the roll-ups that analytics reads.';

CREATE FUNCTION public.note_departure() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- A row of its own: a count would be one that deletions of different accounts wait for.
  INSERT INTO public.departed_signups (quarter, accounts) VALUES (floor(extract(epoch FROM OLD.created_at) / 900)::integer, 1);
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION public.note_departure() FROM PUBLIC;
CREATE TRIGGER departure AFTER DELETE ON public.tenants FOR EACH ROW EXECUTE FUNCTION public.note_departure();

-- What was used before there were quarters is known by UTC day: it is put at noon. How its runs ended is not known.
INSERT INTO public.usage_quarters (quarter, model, key_source, outcome, messages, input_tokens, cached_input_tokens, output_tokens,
  reasoning_tokens, cost_microusd)
SELECT (day - date '1970-01-01') * 96 + 48, model, key_source, 'complete', sum(messages), sum(input_tokens), sum(cached_input_tokens),
  sum(output_tokens), sum(reasoning_tokens), sum(cost_microusd)
FROM public.usage_daily
GROUP BY 1, 2, 3;

INSERT INTO public.user_quarters (user_id, quarter, messages, tokens, platform_microusd, own_microusd, day_hits, month_hits)
SELECT u.user_id, (u.day - date '1970-01-01') * 96 + 48, sum(u.messages), sum(u.input_tokens + u.output_tokens),
  coalesce(sum(u.cost_microusd) FILTER (WHERE u.key_source = 'platform'), 0),
  coalesce(sum(u.cost_microusd) FILTER (WHERE u.key_source = 'own'), 0), 0, 0
FROM public.usage_daily u JOIN public.tenants t ON t.user_id = u.user_id
GROUP BY 1, 2;

INSERT INTO public.user_days (user_id, day, first_quarter, last_quarter, prev_quarter, signup_quarter, messages, tokens, platform_microusd, own_microusd)
SELECT q.user_id, q.quarter / 96, q.quarter, q.quarter, lag(q.quarter) OVER (PARTITION BY q.user_id ORDER BY q.quarter),
  floor(extract(epoch FROM t.created_at) / 900)::integer, q.messages, q.tokens, q.platform_microusd, q.own_microusd
FROM public.user_quarters q JOIN public.tenants t ON t.user_id = q.user_id;

-- What analysts ask. Functions take a range of local days, both ends included, and a time zone; left out, they are the last 30 days until
-- today, and the zone of the session (SET timezone). A view of the same name is the function without arguments. All of them run with the
-- rights of who asks.
CREATE SCHEMA analytics;
COMMENT ON SCHEMA analytics IS 'Questions about all users together, right in any time zone. Money is in millionths of a US dollar.';

CREATE FUNCTION analytics.span(INOUT since date, INOUT until date, INOUT zone text, days integer)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  zone := coalesce(zone, current_setting('TimeZone'));
  until := coalesce(until, (now() AT TIME ZONE zone)::date);
  since := coalesce(since, until - days + 1);
  IF NOT isfinite(since) OR NOT isfinite(until) OR since < date '1970-01-02' THEN
    RAISE EXCEPTION 'a range of days needs two ends, after 1970' USING ERRCODE = 'invalid_parameter_value';
  ELSIF since > until THEN
    RAISE EXCEPTION 'the range ends (%) before it begins (%)', until, since USING ERRCODE = 'invalid_parameter_value';
  ELSIF until - since >= 1100 THEN
    RAISE EXCEPTION 'the range has % days; at most 1100 can be asked for', until - since + 1 USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;
COMMENT ON FUNCTION analytics.span(date, date, text, integer) IS 'A range of days and a zone, with what was left out filled in, or why they cannot be used.';

CREATE FUNCTION analytics.number_of(day date, unit text) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE unit WHEN 'week' THEN (day - date '1970-01-01' + 3) / 7
    WHEN 'month' THEN (extract(year FROM day) * 12 + extract(month FROM day) - 1)::integer
    ELSE day - date '1970-01-01' END
$$;
COMMENT ON FUNCTION analytics.number_of(date, text) IS 'The day, week (from Monday on) or month of a date as a number; the next one has the next.';

CREATE FUNCTION analytics.begin_of(number integer, unit text) RETURNS date
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE unit WHEN 'week' THEN date '1970-01-01' + (number * 7 - 3)
    WHEN 'month' THEN make_date(number / 12, number % 12 + 1, 1)
    ELSE date '1970-01-01' + number END
$$;
COMMENT ON FUNCTION analytics.begin_of(integer, text) IS 'The first date of a day, week or month that number_of numbers.';

-- Of each quarter of an hour, counted from before on, the number of the local day, week or month it is in; -1 outside the range, since an
-- array with nulls is walked through to find an element: that made active_users take 5 s instead of 0.14 s.
-- first_quarter and last_quarter are those of the range.
CREATE FUNCTION analytics.calendar(since date, until date, zone text, unit text,
  OUT before integer, OUT numbers integer[], OUT first_quarter integer, OUT last_quarter integer)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  odd boolean;
BEGIN
  before := (since - date '1970-01-01') * 96 - 97;
  SELECT array_agg(CASE WHEN l.at::date BETWEEN since AND until THEN analytics.number_of(l.at::date, unit) ELSE -1 END ORDER BY q),
    min(q) FILTER (WHERE l.at::date BETWEEN since AND until), max(q) FILTER (WHERE l.at::date BETWEEN since AND until),
    bool_or(extract(epoch FROM l.at) % 900 <> 0)
  INTO numbers, first_quarter, last_quarter, odd
  FROM generate_series(before + 1, (until - date '1970-01-01') * 96 + 192) q, LATERAL (SELECT to_timestamp(q * 900.0) AT TIME ZONE zone AS at) l;
  IF odd THEN
    RAISE EXCEPTION 'time zone "%" is not whole quarters of an hour from UTC', zone USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;
COMMENT ON FUNCTION analytics.calendar(date, date, text, text) IS 'Which local day, week or month each quarter of an hour of a range is in.';

CREATE FUNCTION analytics.active_users(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, daily bigint, weekly bigint, monthly bigint)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since - 29, s.until, s.zone, 'day');
  -- A row is of at most two local days. Each is an arrival: the day, and the one of the user's before it, if that is in the range.
  RETURN QUERY
  WITH counted AS (
    SELECT n.first, n.last, n.prev, count(*) AS users
    FROM (
      SELECT nullif(c.numbers[u.first_quarter - c.before], -1) AS first, nullif(c.numbers[u.last_quarter - c.before], -1) AS last, nullif(c.numbers[u.prev_quarter - c.before], -1) AS prev
      FROM public.user_days u
      WHERE u.day BETWEEN c.first_quarter / 96 AND c.last_quarter / 96
    ) n
    GROUP BY 1, 2, 3
  ), arrivals AS (
    SELECT a.day, a.prev, sum(a.users) AS users
    FROM (
      SELECT k.first AS day, k.prev, k.users FROM counted k WHERE k.first IS NOT NULL AND k.prev IS DISTINCT FROM k.first
      UNION ALL
      SELECT k.last, k.first, k.users FROM counted k WHERE k.last IS NOT NULL AND k.first IS DISTINCT FROM k.last
    ) a
    GROUP BY 1, 2
  )
  SELECT date '1970-01-01' + d,
    coalesce(sum(a.users) FILTER (WHERE a.day = d), 0)::bigint,
    coalesce(sum(a.users) FILTER (WHERE a.day > d - 7 AND (a.prev IS NULL OR a.prev <= d - 7)), 0)::bigint,
    coalesce(sum(a.users) FILTER (WHERE a.prev IS NULL OR a.prev <= d - 30), 0)::bigint
  FROM generate_series(s.since - date '1970-01-01', s.until - date '1970-01-01') d
  LEFT JOIN arrivals a ON a.day BETWEEN d - 29 AND d
  GROUP BY d
  ORDER BY d;
END
$$;
COMMENT ON FUNCTION analytics.active_users(date, date, text) IS
  'Users who began a run: on each local day, in the 7 days that end with it, and in the 30. Those whose account still exists.';

CREATE FUNCTION analytics.retention(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL, unit text DEFAULT 'week')
RETURNS TABLE (cohort date, users bigint, deleted bigint, period integer, active bigint, share numeric)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  IF unit NOT IN ('day', 'week', 'month') THEN
    RAISE EXCEPTION 'unit "%" is none of day, week and month', unit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  s := analytics.span(since, until, zone, CASE unit WHEN 'day' THEN 14 WHEN 'month' THEN 180 ELSE 56 END);
  s.since := analytics.begin_of(analytics.number_of(s.since, unit), unit);
  c := analytics.calendar(s.since, s.until, s.zone, unit);
  RETURN QUERY
  WITH counted AS (
    SELECT n.signup, n.first, n.last, n.prev, count(*) AS users
    FROM (
      SELECT c.numbers[u.signup_quarter - c.before] AS signup, nullif(c.numbers[u.first_quarter - c.before], -1) AS first,
        nullif(c.numbers[u.last_quarter - c.before], -1) AS last, nullif(c.numbers[u.prev_quarter - c.before], -1) AS prev
      FROM public.user_days u
      WHERE u.day BETWEEN c.first_quarter / 96 AND c.last_quarter / 96 AND u.signup_quarter BETWEEN c.first_quarter AND c.last_quarter
    ) n
    GROUP BY 1, 2, 3, 4
  ), activity AS (
    SELECT a.signup, a.number, sum(a.users) AS users
    FROM (
      SELECT k.signup, k.first AS number, k.users FROM counted k WHERE k.prev IS DISTINCT FROM k.first
      UNION ALL
      SELECT k.signup, k.last, k.users FROM counted k WHERE k.first IS DISTINCT FROM k.last
    ) a
    WHERE a.number IS NOT NULL
    GROUP BY 1, 2
  ), signups AS (
    SELECT c.numbers[n.quarter - c.before] AS number, sum(n.here)::bigint AS here, sum(n.gone)::bigint AS gone
    FROM (
      SELECT floor(extract(epoch FROM t.created_at) / 900)::integer AS quarter, 1 AS here, 0 AS gone FROM public.tenants t
      WHERE t.created_at >= to_timestamp(c.first_quarter * 900.0) AND t.created_at < to_timestamp((c.last_quarter + 1) * 900.0)
      UNION ALL
      SELECT d.quarter, 0, d.accounts FROM public.departed_signups d WHERE d.quarter BETWEEN c.first_quarter AND c.last_quarter
    ) n
    GROUP BY 1
  )
  SELECT analytics.begin_of(g.number, unit), g.here, g.gone, p.number - g.number, coalesce(a.users, 0)::bigint,
    round(coalesce(a.users, 0) / nullif(g.here, 0), 4)
  FROM signups g
  CROSS JOIN LATERAL generate_series(g.number, analytics.number_of(s.until, unit)) p (number)
  LEFT JOIN activity a ON a.signup = g.number AND a.number = p.number
  ORDER BY 1, 4;
END
$$;
COMMENT ON FUNCTION analytics.retention(date, date, text, text) IS
  'Of those who signed up in the same local week (or day, or month: unit), how many began a run in it and in each one since.';

CREATE FUNCTION analytics.usage(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, provider text, model text, key_source text, messages bigint, input_tokens bigint, cached_input_tokens bigint,
  output_tokens bigint, reasoning_tokens bigint, cost_microusd bigint)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  RETURN QUERY
  SELECT date '1970-01-01' + c.numbers[u.quarter - c.before], split_part(u.model, ':', 1), u.model, u.key_source, sum(u.messages)::bigint,
    sum(u.input_tokens)::bigint, sum(u.cached_input_tokens)::bigint, sum(u.output_tokens)::bigint, sum(u.reasoning_tokens)::bigint,
    sum(u.cost_microusd)::bigint
  FROM (
    SELECT q.quarter, q.model, q.key_source, q.outcome, q.messages, q.input_tokens, q.cached_input_tokens, q.output_tokens, q.reasoning_tokens, q.cost_microusd
    FROM public.usage_quarters q
    WHERE q.quarter BETWEEN c.first_quarter AND c.last_quarter
    UNION ALL
    SELECT e.quarter, e.model, e.key_source, e.outcome, e.messages, e.input_tokens, e.cached_input_tokens, e.output_tokens, e.reasoning_tokens, e.cost_microusd
    FROM public.usage_events e
    WHERE e.quarter BETWEEN c.first_quarter AND c.last_quarter
  ) u
  WHERE u.outcome NOT IN ('quota_day', 'quota_month')
  GROUP BY 1, 2, 3, 4
  ORDER BY 1, 3, 4;
END
$$;
COMMENT ON FUNCTION analytics.usage(date, date, text) IS
  'Messages, tokens and cost by the local day on which runs began, model and whose key paid; deleted accounts included.';

CREATE FUNCTION analytics.top_users(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL, most integer DEFAULT 20)
RETURNS TABLE (place bigint, user_id uuid, messages bigint, tokens bigint, cost_microusd bigint, own_key_microusd bigint)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
  -- The UTC days that are in the range as a whole; of what it has before and after them the quarters are added.
  whole_from integer;
  whole_to   integer;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  whole_from := (c.first_quarter + 95) / 96;
  whole_to := greatest((c.last_quarter + 1) / 96 - 1, whole_from - 1);
  -- Sums of whole numbers are exact in double precision up to 2^53, nine thousand million dollars, and half as dear as in numeric.
  RETURN QUERY
  WITH spent AS (
    SELECT p.user_id, sum(p.cost) AS cost
    FROM (
      SELECT d.user_id, d.platform_microusd::float8 AS cost FROM public.user_days d WHERE d.day BETWEEN whole_from AND whole_to
      UNION ALL
      SELECT q.user_id, q.platform_microusd::float8 FROM public.user_quarters q
      WHERE q.quarter BETWEEN c.first_quarter AND least(whole_from * 96 - 1, c.last_quarter)
      UNION ALL
      SELECT q.user_id, q.platform_microusd::float8 FROM public.user_quarters q
      WHERE q.quarter BETWEEN (whole_to + 1) * 96 AND c.last_quarter
    ) p
    GROUP BY 1
    ORDER BY 2 DESC, 1
    LIMIT most
  )
  SELECT row_number() OVER (ORDER BY t.cost DESC, t.user_id), t.user_id, sum(q.messages)::bigint, sum(q.tokens)::bigint,
    sum(q.platform_microusd)::bigint, sum(q.own_microusd)::bigint
  FROM spent t JOIN public.user_quarters q ON q.user_id = t.user_id AND q.quarter BETWEEN c.first_quarter AND c.last_quarter
  GROUP BY t.cost, t.user_id
  ORDER BY 1;
END
$$;
COMMENT ON FUNCTION analytics.top_users(date, date, text, integer) IS
  'Who cost the platform most; users whose account still exists. Whose an id is, the public brain does not know.';

CREATE FUNCTION analytics.outcomes(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, provider text, model text, runs bigint, complete bigint, stopped bigint, interrupted bigint, failed bigint,
  error_rate numeric, interruption_rate numeric)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  RETURN QUERY
  SELECT date '1970-01-01' + o.number, split_part(o.model, ':', 1), o.model, o.runs, o.complete, o.stopped, o.interrupted, o.failed,
    round(o.failed::numeric / nullif(o.runs, 0), 4), round(o.interrupted::numeric / nullif(o.runs, 0), 4)
  FROM (
    SELECT c.numbers[u.quarter - c.before] AS number, u.model, sum(u.runs)::bigint AS runs,
      coalesce(sum(u.runs) FILTER (WHERE u.outcome = 'complete'), 0)::bigint AS complete,
      coalesce(sum(u.runs) FILTER (WHERE u.outcome = 'aborted'), 0)::bigint AS stopped,
      coalesce(sum(u.runs) FILTER (WHERE u.outcome = 'interrupted'), 0)::bigint AS interrupted,
      coalesce(sum(u.runs) FILTER (WHERE u.outcome = 'failed'), 0)::bigint AS failed
    FROM (
      SELECT q.quarter, q.model, q.outcome, q.runs FROM public.usage_quarters q WHERE q.quarter BETWEEN c.first_quarter AND c.last_quarter
      UNION ALL
      SELECT e.quarter, e.model, e.outcome, e.runs FROM public.usage_events e WHERE e.quarter BETWEEN c.first_quarter AND c.last_quarter
    ) u
    WHERE u.outcome NOT IN ('quota_day', 'quota_month')
    GROUP BY 1, 2
  ) o
  WHERE o.runs > 0
  ORDER BY 1, 3;
END
$$;
COMMENT ON FUNCTION analytics.outcomes(date, date, text) IS 'How runs ended, by the local day on which they began and model.';

CREATE FUNCTION analytics.first_token(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, provider text, model text, key_source text, runs bigint, p50_ms integer, p90_ms integer, p95_ms integer, p99_ms integer)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  RETURN QUERY
  WITH buckets AS (
    SELECT c.numbers[l.quarter - c.before] AS number, l.model, l.key_source, l.bucket, sum(l.runs) AS n
    FROM public.latency_quarters l
    WHERE l.quarter BETWEEN c.first_quarter AND c.last_quarter
    GROUP BY 1, 2, 3, 4
  ), climbing AS (
    SELECT b.*, sum(b.n) OVER w AS upto, sum(b.n) OVER (PARTITION BY b.number, b.model, b.key_source) AS total
    FROM buckets b
    WINDOW w AS (PARTITION BY b.number, b.model, b.key_source ORDER BY b.bucket)
  ), found AS (
    -- The bucket in which the share is reached, and how far into it.
    SELECT k.number, k.model, k.key_source, k.total, p.share,
      2 ^ ((k.bucket - 1) / 4.0) * 2 ^ (0.25 * ((p.share * k.total - (k.upto - k.n)) / k.n)) AS ms
    FROM climbing k, (VALUES (0.5), (0.9), (0.95), (0.99)) p (share)
    WHERE k.upto >= p.share * k.total AND k.upto - k.n < p.share * k.total
  )
  SELECT date '1970-01-01' + f.number, split_part(f.model, ':', 1), f.model, f.key_source, max(f.total)::bigint,
    round(max(f.ms) FILTER (WHERE f.share = 0.5))::integer, round(max(f.ms) FILTER (WHERE f.share = 0.9))::integer,
    round(max(f.ms) FILTER (WHERE f.share = 0.95))::integer, round(max(f.ms) FILTER (WHERE f.share = 0.99))::integer
  FROM found f
  GROUP BY f.number, f.model, f.key_source
  ORDER BY 1, 3, 4;
END
$$;
COMMENT ON FUNCTION analytics.first_token(date, date, text) IS
  'Percentiles of the time to the first token, by the local day on which runs began, model and whose key; each at most 19 % off.';

CREATE FUNCTION analytics.quota_hits(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, quota text, hits bigint, users bigint)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  RETURN QUERY
  WITH hits AS (
    SELECT c.numbers[u.quarter - c.before] AS number, substr(u.outcome, 7) AS quota, sum(u.runs)::bigint AS n
    FROM (
      SELECT q.quarter, q.outcome, q.runs FROM public.usage_quarters q WHERE q.quarter BETWEEN c.first_quarter AND c.last_quarter
      UNION ALL
      SELECT e.quarter, e.outcome, e.runs FROM public.usage_events e WHERE e.quarter BETWEEN c.first_quarter AND c.last_quarter
    ) u
    WHERE u.outcome IN ('quota_day', 'quota_month')
    GROUP BY 1, 2
  ), hit AS (
    SELECT c.numbers[q.quarter - c.before] AS number, count(DISTINCT q.user_id) FILTER (WHERE q.day_hits > 0) AS by_day,
      count(DISTINCT q.user_id) FILTER (WHERE q.month_hits > 0) AS by_month
    FROM public.user_quarters q
    WHERE q.quarter BETWEEN c.first_quarter AND c.last_quarter AND (q.day_hits > 0 OR q.month_hits > 0)
    GROUP BY 1
  )
  SELECT date '1970-01-01' + d, k.quota, coalesce(h.n, 0), coalesce(CASE k.quota WHEN 'day' THEN t.by_day ELSE t.by_month END, 0)
  FROM generate_series(s.since - date '1970-01-01', s.until - date '1970-01-01') d
  CROSS JOIN (VALUES ('day'), ('month')) k (quota)
  LEFT JOIN hits h ON h.number = d AND h.quota = k.quota
  LEFT JOIN hit t ON t.number = d
  ORDER BY d, k.quota;
END
$$;
COMMENT ON FUNCTION analytics.quota_hits(date, date, text) IS 'Messages refused because a quota was used up, by local day and the quota''s period.';

CREATE FUNCTION analytics.accounts(since date DEFAULT NULL, until date DEFAULT NULL, zone text DEFAULT NULL)
RETURNS TABLE (day date, signups bigint, deletions bigint, deleted bigint)
LANGUAGE plpgsql STABLE
SET work_mem = '64MB' SET jit = off
AS $$
DECLARE
  s record;
  c record;
  begins timestamptz;
  ends   timestamptz;
BEGIN
  s := analytics.span(since, until, zone, 30);
  c := analytics.calendar(s.since, s.until, s.zone, 'day');
  begins := to_timestamp(c.first_quarter * 900.0);
  ends := to_timestamp((c.last_quarter + 1) * 900.0);
  RETURN QUERY
  WITH noted AS (
    SELECT c.numbers[n.quarter - c.before] AS number, sum(n.signups) AS signups, sum(n.deletions) AS deletions, sum(n.deleted) AS deleted
    FROM (
      SELECT floor(extract(epoch FROM t.created_at) / 900)::integer AS quarter, 1 AS signups, 0 AS deletions, 0 AS deleted
      FROM public.tenants t WHERE t.created_at >= begins AND t.created_at < ends
      UNION ALL
      SELECT g.quarter, g.accounts, 0, 0 FROM public.departed_signups g WHERE g.quarter BETWEEN c.first_quarter AND c.last_quarter
      UNION ALL
      SELECT floor(extract(epoch FROM x.requested_at) / 900)::integer, 0, 1, 0 FROM public.deletions x WHERE x.requested_at >= begins AND x.requested_at < ends
      UNION ALL
      SELECT floor(extract(epoch FROM x.finished_at) / 900)::integer, 0, 0, 1 FROM public.deletions x WHERE x.finished_at >= begins AND x.finished_at < ends
    ) n
    GROUP BY 1
  )
  SELECT date '1970-01-01' + d, coalesce(n.signups, 0)::bigint, coalesce(n.deletions, 0)::bigint, coalesce(n.deleted, 0)::bigint
  FROM generate_series(s.since - date '1970-01-01', s.until - date '1970-01-01') d
  LEFT JOIN noted n ON n.number = d
  ORDER BY d;
END
$$;
COMMENT ON FUNCTION analytics.accounts(date, date, text) IS 'Sign-ups, and deletions asked for and done, by local day.';

-- A block, because sqlc cannot tell which columns a function returns.
DO $views$
BEGIN
CREATE VIEW analytics.active_users WITH (security_invoker = true) AS SELECT * FROM analytics.active_users();
COMMENT ON VIEW analytics.active_users IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.active_users.day IS 'Local day, or the last day of the span.';
COMMENT ON COLUMN analytics.active_users.daily IS 'Users who began a run on the day.';
COMMENT ON COLUMN analytics.active_users.weekly IS 'Users who did in the 7 days that end with it.';
COMMENT ON COLUMN analytics.active_users.monthly IS 'Users who did in the 30 days that end with it.';

CREATE VIEW analytics.retention WITH (security_invoker = true) AS SELECT * FROM analytics.retention();
COMMENT ON VIEW analytics.retention IS 'The last eight weeks until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.retention.cohort IS 'First day of the local week in which users signed up: a Monday.';
COMMENT ON COLUMN analytics.retention.users IS 'Those of them whose account still exists.';
COMMENT ON COLUMN analytics.retention.deleted IS 'Those whose account does not.';
COMMENT ON COLUMN analytics.retention.period IS 'Weeks since; 0 is the week of signing up.';
COMMENT ON COLUMN analytics.retention.active IS 'Users of the cohort who began a run in that week.';
COMMENT ON COLUMN analytics.retention.share IS 'active / users, 0 to 1; null where no account is left.';

CREATE VIEW analytics.usage WITH (security_invoker = true) AS SELECT * FROM analytics.usage();
COMMENT ON VIEW analytics.usage IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.usage.day IS 'Local day on which the runs began.';
COMMENT ON COLUMN analytics.usage.provider IS 'The part of model before its colon.';
COMMENT ON COLUMN analytics.usage.model IS 'provider:model, the id of public.models.';
COMMENT ON COLUMN analytics.usage.key_source IS 'platform: the operator''s key paid; own: the user''s.';
COMMENT ON COLUMN analytics.usage.messages IS 'Replies.';
COMMENT ON COLUMN analytics.usage.input_tokens IS 'Tokens, cached ones included.';
COMMENT ON COLUMN analytics.usage.cached_input_tokens IS 'Tokens read from the provider''s cache.';
COMMENT ON COLUMN analytics.usage.output_tokens IS 'Tokens, reasoning included.';
COMMENT ON COLUMN analytics.usage.reasoning_tokens IS 'Tokens of reasoning.';
COMMENT ON COLUMN analytics.usage.cost_microusd IS 'Millionths of a US dollar, at the prices of public.models when it was used.';

CREATE VIEW analytics.top_users WITH (security_invoker = true) AS SELECT * FROM analytics.top_users();
COMMENT ON VIEW analytics.top_users IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.top_users.place IS 'From 1 on, by cost_microusd.';
COMMENT ON COLUMN analytics.top_users.user_id IS 'As in public.tenants.';
COMMENT ON COLUMN analytics.top_users.messages IS 'Replies.';
COMMENT ON COLUMN analytics.top_users.tokens IS 'Tokens, input and output together.';
COMMENT ON COLUMN analytics.top_users.cost_microusd IS 'Millionths of a US dollar, on the operator''s keys.';
COMMENT ON COLUMN analytics.top_users.own_key_microusd IS 'Millionths of a US dollar, on the user''s own keys.';

CREATE VIEW analytics.outcomes WITH (security_invoker = true) AS SELECT * FROM analytics.outcomes();
COMMENT ON VIEW analytics.outcomes IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.outcomes.day IS 'Local day on which the runs began.';
COMMENT ON COLUMN analytics.outcomes.provider IS 'The part of model before its colon.';
COMMENT ON COLUMN analytics.outcomes.model IS 'provider:model, the id of public.models.';
COMMENT ON COLUMN analytics.outcomes.runs IS 'All that ended.';
COMMENT ON COLUMN analytics.outcomes.complete IS 'Runs that the model ended.';
COMMENT ON COLUMN analytics.outcomes.stopped IS 'Runs that the user stopped.';
COMMENT ON COLUMN analytics.outcomes.interrupted IS 'Runs that broke off: the provider did, or the server stopped or died.';
COMMENT ON COLUMN analytics.outcomes.failed IS 'Runs that the model refused or failed.';
COMMENT ON COLUMN analytics.outcomes.error_rate IS 'failed / runs, 0 to 1.';
COMMENT ON COLUMN analytics.outcomes.interruption_rate IS 'interrupted / runs, 0 to 1.';

CREATE VIEW analytics.first_token WITH (security_invoker = true) AS SELECT * FROM analytics.first_token();
COMMENT ON VIEW analytics.first_token IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.first_token.day IS 'Local day on which the runs began.';
COMMENT ON COLUMN analytics.first_token.provider IS 'The part of model before its colon.';
COMMENT ON COLUMN analytics.first_token.model IS 'provider:model, the id of public.models.';
COMMENT ON COLUMN analytics.first_token.key_source IS 'platform or own: whose key.';
COMMENT ON COLUMN analytics.first_token.runs IS 'Runs whose model said anything.';
COMMENT ON COLUMN analytics.first_token.p50_ms IS 'Milliseconds that half of the runs did not exceed.';
COMMENT ON COLUMN analytics.first_token.p90_ms IS 'Milliseconds, 90 %.';
COMMENT ON COLUMN analytics.first_token.p95_ms IS 'Milliseconds, 95 %.';
COMMENT ON COLUMN analytics.first_token.p99_ms IS 'Milliseconds, 99 %.';

CREATE VIEW analytics.quota_hits WITH (security_invoker = true) AS SELECT * FROM analytics.quota_hits();
COMMENT ON VIEW analytics.quota_hits IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.quota_hits.day IS 'Local day. Quotas themselves are those of UTC days and months.';
COMMENT ON COLUMN analytics.quota_hits.quota IS 'day or month: which one was used up.';
COMMENT ON COLUMN analytics.quota_hits.hits IS 'Messages refused; deleted accounts included.';
COMMENT ON COLUMN analytics.quota_hits.users IS 'Users of them whose account still exists.';

CREATE VIEW analytics.accounts WITH (security_invoker = true) AS SELECT * FROM analytics.accounts();
COMMENT ON VIEW analytics.accounts IS 'The last 30 days until today, in the zone of the session, of the function of this name.';
COMMENT ON COLUMN analytics.accounts.day IS 'Local day.';
COMMENT ON COLUMN analytics.accounts.signups IS 'Accounts whose private brain was registered, which is when they were first used; those that were deleted since included.';
COMMENT ON COLUMN analytics.accounts.deletions IS 'Deletions asked for.';
COMMENT ON COLUMN analytics.accounts.deleted IS 'Deletions done.';
END
$views$;

CREATE VIEW analytics.freshness WITH (security_invoker = true) AS
SELECT f.folded_at, (SELECT count(*) FROM public.usage_events) AS waiting FROM public.usage_fold f;
COMMENT ON VIEW analytics.freshness IS 'How far behind active_users, retention, top_users, first_token and the users of quota_hits are. The others never are.';
COMMENT ON COLUMN analytics.freshness.folded_at IS 'When the journal was last folded.';
COMMENT ON COLUMN analytics.freshness.waiting IS 'Rows of it that are not yet.';

---- create above / drop below ----

DROP SCHEMA analytics CASCADE;
DROP TRIGGER departure ON public.tenants;
DROP FUNCTION public.note_departure(), public.fold_usage(integer);
DROP TABLE public.usage_fold, public.departed_signups, public.user_quarters, public.user_days, public.latency_quarters, public.usage_quarters,
  public.usage_events;
