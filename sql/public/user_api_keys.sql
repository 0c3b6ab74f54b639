-- name: KeyList :many
-- Bound: the user's own keys, as they are stored.
SELECT provider, id, ciphertext, key_id, last_four, created_at, last_used_at
FROM public.user_api_keys
ORDER BY provider;

-- name: KeyPut :one
-- Stores a key in place of an earlier one of the provider. A new id goes with it, so that nothing sealed before fits any more.
INSERT INTO public.user_api_keys AS k (user_id, provider, id, ciphertext, key_id, last_four, created_at)
SELECT t.user_id, @provider::text, @id::uuid, @ciphertext::bytea, @key_id::text, @last_four::text, @now::timestamptz
FROM public.tenants t
ON CONFLICT (user_id, provider) DO UPDATE SET
  id = excluded.id, ciphertext = excluded.ciphertext, key_id = excluded.key_id, last_four = excluded.last_four,
  created_at = excluded.created_at, last_used_at = NULL
RETURNING provider, id, ciphertext, key_id, last_four, created_at, last_used_at;

-- name: KeyDelete :execrows
DELETE FROM public.user_api_keys WHERE provider = @provider;

-- name: KeyTouch :exec
-- Notes that a key was used, once an hour at most: most runs write nothing here.
UPDATE public.user_api_keys SET last_used_at = @now
WHERE provider = @provider AND id = @id AND (last_used_at IS NULL OR last_used_at + interval '1 hour' <= @now::timestamptz);

-- name: KeyRotationPage :many
-- As owner: own keys sealed under another master key than the primary one, after a place in the order of the primary key.
SELECT user_id, provider, id, ciphertext, key_id
FROM public.user_api_keys
WHERE key_id <> @primary_key_id::text AND (user_id, provider) > (@after_user::uuid, @after_provider::text)
ORDER BY user_id, provider
LIMIT @max_rows;

-- name: KeyRotate :execrows
-- As owner: replaces a sealed key, unless it is another one by now.
UPDATE public.user_api_keys SET ciphertext = @ciphertext, key_id = @key_id
WHERE user_id = @user_id AND provider = @provider AND id = @id AND ciphertext = @old_ciphertext AND key_id = @old_key_id;

-- name: HeadersRotationPage :many
-- As owner: the same of the header values of MCP servers.
SELECT user_id, id, headers_ciphertext, key_id
FROM public.user_mcp_servers
WHERE key_id IS NOT NULL AND key_id <> @primary_key_id::text AND (user_id, id) > (@after_user::uuid, @after_id::uuid)
ORDER BY user_id, id
LIMIT @max_rows;

-- name: HeadersRotate :execrows
-- As owner: replaces sealed header values, unless they are others by now.
UPDATE public.user_mcp_servers SET headers_ciphertext = @ciphertext::bytea, key_id = @key_id::text
WHERE user_id = @user_id AND id = @id AND headers_ciphertext = @old_ciphertext::bytea AND key_id = @old_key_id::text;

-- name: MasterKeyUse :many
-- As owner: how much was made with which master key.
WITH used AS (
  SELECT key_id, 1 AS own_keys, 0 AS headers, 0 AS brains FROM public.user_api_keys
  UNION ALL
  SELECT key_id, 0, 1, 0 FROM public.user_mcp_servers WHERE key_id IS NOT NULL
  UNION ALL
  SELECT key_id, 0, 0, 1 FROM public.tenants
)
SELECT key_id::text AS key_id, sum(own_keys)::bigint AS own_keys, sum(headers)::bigint AS headers, sum(brains)::bigint AS brains
FROM used
GROUP BY key_id
ORDER BY key_id;
