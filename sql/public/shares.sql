-- name: ShareAdd :one
-- Bound. No row: there is no slot left. Two that take the same one meet at its unique index.
INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at)
SELECT @id::text, t.user_id, @conversation_id::text, free.slot, @title::text, CAST(@snapshot::text AS jsonb), @messages::integer,
  now() + make_interval(days => @days::integer)
FROM public.tenants t, LATERAL (
  SELECT n AS slot FROM generate_series(1, 100) n
  WHERE NOT EXISTS (SELECT FROM public.shares s WHERE s.slot = n)
  ORDER BY n LIMIT 1
) free
RETURNING created_at, expires_at;

-- name: ShareForgetExpired :exec
-- Bound: the user's own that have expired, so that they take up no slot.
DELETE FROM public.shares WHERE expires_at <= now();

-- name: ShareList :many
-- Bound: what the user has shared, newest first.
SELECT id, conversation_id, title, messages, created_at, expires_at FROM public.shares
WHERE expires_at > now()
ORDER BY created_at DESC, id;

-- name: ShareDelete :execrows
-- Bound.
DELETE FROM public.shares WHERE id = @id AND expires_at > now();

-- name: ShareDeleteOf :exec
-- Bound: what was shared of conversations.
DELETE FROM public.shares WHERE conversation_id = ANY(@conversation_ids::text[]);

-- name: ShareTidy :exec
-- Unbound: removes what has expired, which the policy tidy picks out by itself. Bound, it would remove all shares of the user.
DELETE FROM public.shares;

-- name: ShareRead :one
-- Of nobody: what was shared under an id.
SELECT s.title::text AS title, s.snapshot::jsonb AS snapshot, s.created_at::timestamptz AS created_at, s.expires_at::timestamptz AS expires_at
FROM public.read_share(@id::text) AS s(title, snapshot, created_at, expires_at);
