-- The kernel's own, as 001: another product on the kernel takes both.

-- Accounts that were deleted or are being so: nothing is made for them again. The row is the receipt, too. It outlives the account, so
-- it does not say whose it was: the digest recognises a user's id, which is random, and cannot be turned back into it.
CREATE TABLE public.deletions (
  id                   uuid PRIMARY KEY,
  digest               bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  requested_by         text NOT NULL CHECK (requested_by IN ('user', 'operator')),
  requested_at         timestamptz NOT NULL DEFAULT now(),
  -- The step under way, and when those before it were done: {"runs": "2026-01-02T03:04:05Z", …}
  step                 text NOT NULL,
  steps                jsonb NOT NULL DEFAULT '{}',
  -- The addresses that mails went to, sealed for this deletion until those are gone.
  addresses_ciphertext bytea,
  key_id               text,
  -- What became of the mails that were sent: 'purged', or 'kept' where nothing lets us into the store of them.
  mails                text CHECK (mails IN ('purged', 'kept')),
  error_code           text,
  finished_at          timestamptz,
  CHECK ((addresses_ciphertext IS NULL) = (key_id IS NULL)),
  CHECK (finished_at IS NULL OR addresses_ciphertext IS NULL)
);
COMMENT ON TABLE public.deletions IS 'One row per account that was deleted or is being so, which does not say whose it was.';

-- Anybody who knows a receipt may look at it; nobody but the owner writes.
ALTER TABLE public.deletions ENABLE ROW LEVEL SECURITY;
CREATE POLICY receipt ON public.deletions FOR SELECT USING (true);

---- create above / drop below ----

DROP TABLE public.deletions;
