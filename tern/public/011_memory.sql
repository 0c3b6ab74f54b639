-- Whether models get to know the user's notes, and may ask to write some. Nobody has agreed to that by default.

ALTER TABLE public.user_settings ADD COLUMN memory boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN public.user_settings.memory IS 'Notes of the private brain go into prompts, and models may ask to write some; every change is approved by the user.';

---- create above / drop below ----

ALTER TABLE public.user_settings DROP COLUMN memory;
