-- name: RetentionExpired :many
-- Conversations to be deleted, locked: temporary ones without a message since idle_since, and all without one since kept_since. One in which
-- a reply is under way is not among them, nor one that somebody has locked.
SELECT c.id FROM conversations c
WHERE (c.updated_at < @kept_since::timestamptz OR c.temporary AND c.updated_at < @idle_since::timestamptz)
  AND NOT EXISTS (SELECT FROM runs r WHERE r.conversation_id = c.id AND r.status = 'running')
ORDER BY c.updated_at
LIMIT @row_limit::bigint
FOR UPDATE SKIP LOCKED;
