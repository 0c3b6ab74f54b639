-- name: FileCreate :execrows
INSERT INTO public.account_files (id, user_id, purpose, created_at, expires_at)
SELECT @id::uuid, t.user_id, @purpose::text, @created_at::timestamptz, @expires_at::timestamptz
FROM public.tenants t;

-- name: FilePut :one
-- Adds a piece to a file that is not complete; raises TB110 where there is no such file any more.
WITH file AS (
  SELECT f.id, f.user_id, f.expires_at FROM public.account_files f WHERE f.id = @file_id AND NOT f.complete
), added AS (
  INSERT INTO public.account_file_chunks (file_id, n, user_id, ciphertext, key_id, expires_at)
  SELECT f.id, @n::integer, f.user_id, @ciphertext::bytea, @key_id::text, f.expires_at FROM file f
  RETURNING n
)
SELECT (CASE WHEN EXISTS (SELECT FROM added) THEN true ELSE public.require(false, 'TB110') END)::boolean AS added;

-- name: FileComplete :execrows
UPDATE public.account_files SET complete = true, bytes = @bytes WHERE id = @id AND NOT complete;

-- name: FileGet :one
SELECT id, purpose, bytes, created_at, expires_at FROM public.account_files WHERE id = @id AND complete AND expires_at > @now::timestamptz;

-- name: FilePiece :one
SELECT ciphertext, key_id FROM public.account_file_chunks WHERE file_id = @file_id AND n = @n;

-- name: FileDelete :exec
WITH gone AS (DELETE FROM public.account_files WHERE id = @id)
DELETE FROM public.account_file_chunks WHERE file_id = @id;

-- name: FileDeleteOthers :exec
-- All files of a purpose but one.
WITH gone AS (
  DELETE FROM public.account_files WHERE purpose = @purpose AND id <> @keep RETURNING id
)
DELETE FROM public.account_file_chunks c USING gone g WHERE c.file_id = g.id;

-- name: FileTidy :exec
-- Unbound: removes what has expired, which the policies tidy out by themselves. Bound, it would remove all files of the user.
WITH gone AS (DELETE FROM public.account_files)
DELETE FROM public.account_file_chunks;

-- name: AccountSettings :one
-- What a user has set, without anything that opens a door: no keys, no header values, of addresses no more than where they lead.
SELECT jsonb_build_object(
  'settings', coalesce((SELECT to_jsonb(s) - 'user_id' FROM public.user_settings s), '{}'::jsonb),
  'keysOf', coalesce((SELECT jsonb_agg(k.provider ORDER BY k.provider) FROM public.user_api_keys k), '[]'::jsonb),
  'mcpServers', coalesce((SELECT jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name,
      'url', regexp_replace(regexp_replace(m.url, '[?#].*$', ''), '^([a-z]+://)[^/@]*@', '\1'), 'transport', m.transport,
      'headerNames', m.header_names, 'enabled', m.enabled, 'approval', m.approval, 'createdAt', m.created_at) ORDER BY m.id)
    FROM public.user_mcp_servers m), '[]'::jsonb),
  'mcpBuiltins', coalesce((SELECT jsonb_object_agg(b.server, b.enabled) FROM public.user_mcp_builtins b), '{}'::jsonb)
)::jsonb AS settings
FROM public.tenants;

-- name: AccountUsage :many
SELECT day, model, key_source, messages, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd
FROM public.usage_daily
ORDER BY day, model, key_source;

-- name: AuditAdd :exec
-- As owner.
INSERT INTO public.audit_log (actor, action, subject, object, detail)
VALUES (@actor, @action, @subject, sqlc.narg(object)::uuid, @detail);
