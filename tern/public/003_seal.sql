-- The seal of the public brain. A statement sees and writes only the rows of the user whose key is bound in
-- twobrains.key. Each expression is a sub-select, so that it is evaluated once per statement and not once per row; the
-- operators are leakproof, so that they still reach the indexes.

ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.tenants FOR SELECT
  USING (lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8'))));

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['user_settings', 'user_api_keys', 'user_mcp_servers', 'quota_counters', 'usage_daily'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format($p$
      CREATE POLICY seal ON public.%I
        USING (user_id = (SELECT o.user_id FROM public.tenants o
          WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))))$p$, t);
  END LOOP;
END
$$;

---- create above / drop below ----

DROP POLICY seal ON public.usage_daily;
DROP POLICY seal ON public.quota_counters;
DROP POLICY seal ON public.user_mcp_servers;
DROP POLICY seal ON public.user_api_keys;
DROP POLICY seal ON public.user_settings;
DROP POLICY seal ON public.tenants;
ALTER TABLE public.usage_daily DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.quota_counters DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_mcp_servers DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_api_keys DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_settings DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants DISABLE ROW LEVEL SECURITY;
