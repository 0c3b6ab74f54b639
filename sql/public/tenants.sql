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

-- name: TenantPage :many
-- As owner: registry entries after one, optionally of one state only; a state is the first of failed, behind, old-key, ok
-- that fits.
WITH entries AS (
  SELECT user_id, schema_name, key_id, version, created_at, migrated_at, failure, failures, failed_at,
    CASE WHEN failed_at IS NOT NULL THEN 'failed'
      WHEN version < @latest::integer THEN 'behind'
      WHEN key_id <> @primary_key_id::text THEN 'old-key'
      ELSE 'ok' END AS state
  FROM public.tenants
  WHERE user_id > @after
)
SELECT user_id, schema_name, key_id, version, created_at, migrated_at, failure, failures, failed_at, state::text AS state
FROM entries
WHERE @state::text IN ('', state)
ORDER BY user_id
LIMIT @max_rows;

-- name: TenantPending :many
-- As owner: private brains that a sweep has to migrate or to re-seal.
SELECT user_id, schema_name
FROM public.tenants
WHERE (version < @latest::integer OR key_id <> @primary_key_id::text) AND user_id > @after AND (@failed_too::boolean OR failed_at IS NULL)
ORDER BY user_id
LIMIT @max_rows;

-- name: TenantPendingCount :one
SELECT count(*)
FROM public.tenants
WHERE version < @latest::integer OR key_id <> @primary_key_id::text;

-- name: TenantRegistry :many
-- As owner: what the registry says of all users, or of some.
SELECT user_id, schema_name, lock, key_id, version
FROM public.tenants
WHERE @everybody::boolean OR user_id = ANY (CAST(@user_ids::text[] AS uuid[]))
ORDER BY user_id;

-- name: TenantAmend :execrows
-- As owner: corrects an entry that differs from what is.
UPDATE public.tenants
SET lock = @lock, key_id = @key_id, version = @version
WHERE user_id = @user_id;

-- name: TenantLocksOfKey :many
-- As owner: entries made with a master key, to tell whether the key of that name is the one they were made with.
SELECT schema_name, lock
FROM public.tenants
WHERE key_id = @key_id
ORDER BY user_id
LIMIT 100;
