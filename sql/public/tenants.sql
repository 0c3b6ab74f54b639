-- name: TenantRegistration :one
-- Bound: the registry's entry of the user whose key is bound.
SELECT version FROM public.tenants;

-- name: TenantLock :one
-- As owner: the entry of any user, locked.
SELECT schema_name, lock, key_id, version, failure, failures, failed_at
FROM public.tenants
WHERE user_id = @user_id
FOR UPDATE;

-- name: TenantRegister :exec
-- As owner: what provisioning, migrating or re-sealing has achieved.
INSERT INTO public.tenants AS t (user_id, schema_name, lock, key_id, version, migrated_at)
VALUES (@user_id, @schema_name, @lock, @key_id, @version, now())
ON CONFLICT (user_id) DO UPDATE SET
  lock = excluded.lock, key_id = excluded.key_id, version = excluded.version, migrated_at = excluded.migrated_at,
  failure = NULL, failures = 0, failed_at = NULL;

-- name: TenantFail :one
-- As owner: what went wrong, and how often since the last success; the version stays what it was.
INSERT INTO public.tenants AS t (user_id, schema_name, lock, key_id, failure, failures, failed_at)
VALUES (@user_id, @schema_name, @lock, @key_id, @failure, 1, now())
ON CONFLICT (user_id) DO UPDATE SET failure = excluded.failure, failures = t.failures + 1, failed_at = now()
RETURNING t.failures;

-- name: TenantCounts :many
-- As owner: how many private brains are at which version.
SELECT version, count(*) AS tenants, count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed
FROM public.tenants
GROUP BY version
ORDER BY version;
