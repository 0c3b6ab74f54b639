-- Which replies are under way, so that those of a dead process are found without looking into every private brain. Whose they are
-- stands only in the ticket, sealed: the server that picks a run up is let in by that, and by nothing else.

CREATE TABLE public.run_tickets (
  run_id            uuid PRIMARY KEY,
  instance_id       uuid NOT NULL,
  -- SHA-256 of the private brain's key and the run's id: only who holds the key may write the row. It differs from run to run, so
  -- that it tells neither which brain it is nor which runs are of the same one.
  lock              bytea NOT NULL CHECK (octet_length(lock) = 32),
  -- The user's id, sealed for this run, and the master key under which it is.
  ciphertext        bytea NOT NULL,
  key_id            text NOT NULL,
  stop_requested_at timestamptz,
  created_at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
COMMENT ON TABLE public.run_tickets IS 'One row per reply under way, on any instance; a row whose instance is dead is settled by another one.';

ALTER TABLE public.run_tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.run_tickets
  USING (current_setting('twobrains.key', true) <> ''
    AND lock = sha256(convert_to(current_setting('twobrains.key', true) || run_id::text, 'UTF8')));
-- Servers look for the dead while no key is bound. What they see names nobody.
CREATE POLICY look ON public.run_tickets FOR SELECT
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = ''));
-- And remove what nobody could settle for a day.
CREATE POLICY tidy ON public.run_tickets FOR DELETE
  USING ((SELECT coalesce(current_setting('twobrains.key', true), '') = '') AND created_at < now() - interval '1 day');

-- Since when its signs of life have come without a gap. Who has been cut off itself cannot tell who else is dead.
ALTER TABLE public.instances ADD COLUMN steady_since timestamptz NOT NULL DEFAULT now();

---- create above / drop below ----

ALTER TABLE public.instances DROP COLUMN steady_since;
DROP TABLE public.run_tickets;
