-- name: MCPServerList :many
SELECT id, name, url, transport, header_names, headers_ciphertext, key_id, enabled, approval, created_at, updated_at
FROM public.user_mcp_servers
ORDER BY id;

-- name: MCPServerGet :one
SELECT id, name, url, transport, header_names, headers_ciphertext, key_id, enabled, approval, created_at, updated_at
FROM public.user_mcp_servers
WHERE id = @id;

-- name: MCPServerCreate :one
-- No row: there is no slot left. Two that take the same one meet at its unique index.
INSERT INTO public.user_mcp_servers
  (user_id, id, slot, name, url, transport, header_names, headers_ciphertext, key_id, enabled, approval, created_at, updated_at)
SELECT t.user_id, @id, free.slot, @name, @url, @transport, @header_names, sqlc.narg(headers_ciphertext), sqlc.narg(key_id), @enabled,
  @approval, @now::timestamptz, @now::timestamptz
FROM public.tenants t, LATERAL (
  SELECT n AS slot FROM generate_series(1, 20) n
  WHERE NOT EXISTS (SELECT FROM public.user_mcp_servers s WHERE s.slot = n)
  ORDER BY n LIMIT 1
) free
RETURNING id;

-- name: MCPServerUpdate :execrows
-- Headers were meant for the origin they were given for: another origin gets them only if they come with it. updated_at always
-- moves on, since it tells what is remembered of a server from what it is.
UPDATE public.user_mcp_servers s SET
  name = coalesce(sqlc.narg(name), s.name),
  url = coalesce(sqlc.narg(url), s.url),
  transport = coalesce(sqlc.narg(transport), s.transport),
  enabled = coalesce(sqlc.narg(enabled), s.enabled),
  approval = coalesce(sqlc.narg(approval), s.approval),
  header_names = CASE WHEN @set_headers::boolean THEN @header_names::text[] ELSE s.header_names END,
  headers_ciphertext = CASE WHEN @set_headers::boolean THEN sqlc.narg(headers_ciphertext)::bytea ELSE s.headers_ciphertext END,
  key_id = CASE WHEN @set_headers::boolean THEN sqlc.narg(key_id)::text ELSE s.key_id END,
  updated_at = greatest(@now::timestamptz, s.updated_at + interval '1 microsecond')
WHERE s.id = @id
  AND (sqlc.narg(url)::text IS NULL OR @set_headers::boolean OR s.header_names = '{}' OR starts_with(s.url, @origin::text || '/'));

-- name: MCPServerDelete :execrows
DELETE FROM public.user_mcp_servers WHERE id = @id;

-- name: MCPBuiltinList :many
SELECT server, enabled FROM public.user_mcp_builtins;

-- name: MCPBuiltinSet :exec
INSERT INTO public.user_mcp_builtins (user_id, server, enabled, updated_at)
SELECT t.user_id, @server, @enabled, @now::timestamptz
FROM public.tenants t
ON CONFLICT (user_id, server) DO UPDATE SET enabled = excluded.enabled, updated_at = excluded.updated_at;
