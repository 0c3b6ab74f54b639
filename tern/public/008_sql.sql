-- Whether models may query their user's history in SQL, each time with the user's consent. Nobody has agreed to that by default.

ALTER TABLE public.user_settings ADD COLUMN history_tool boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN public.user_settings.history_tool IS 'Models may ask to query the private brain; every query is approved by the user.';

---- create above / drop below ----

ALTER TABLE public.user_settings DROP COLUMN history_tool;
