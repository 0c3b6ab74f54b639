-- name: AdminLock :exec
-- As owner: whoever grants, revokes or suspends an admin does so alone, until the end of the transaction.
LOCK TABLE public.admins IN SHARE ROW EXCLUSIVE MODE;

-- name: AdminActor :exec
-- As owner: who the audit says ran the command.
SELECT set_config('twobrains.actor', @actor::text, true);

-- name: AdminGrant :execrows
-- As owner.
INSERT INTO public.admins (user_id) VALUES (@user_id) ON CONFLICT DO NOTHING;

-- name: AdminRevoke :execrows
-- As owner.
DELETE FROM public.admins WHERE user_id = @user_id;

-- name: AdminList :many
-- As owner.
SELECT user_id, granted_at FROM public.admins ORDER BY granted_at, user_id;

-- name: RunTicketStopAll :many
-- As owner, with an account's key bound: asks for all replies of the account to be stopped.
UPDATE public.run_tickets SET stop_requested_at = coalesce(stop_requested_at, now())
WHERE lock = sha256(convert_to(current_setting('twobrains.key', true) || run_id::text, 'UTF8'))
RETURNING run_id;
