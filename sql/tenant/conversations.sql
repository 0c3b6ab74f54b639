-- name: ConversationList :many
-- Newest first, pinned ones before the rest; the cursor is the last row of the page before. running_reply is the id of the reply under
-- way; empty: there is none.
SELECT c.id, c.title, c.title_by_user, c.pinned, c.temporary, c.archived_at, c.created_at, c.updated_at,
  coalesce((SELECT r.message_id FROM runs r WHERE r.conversation_id = c.id AND r.status = 'running'), '')::text AS running_reply
FROM conversations c
WHERE (c.archived_at IS NOT NULL) = @archived::boolean AND NOT c.temporary
  AND (c.pinned, c.updated_at, c.id) < (@before_pinned::boolean, @before_updated_at::timestamptz, @before_id::text)
ORDER BY c.pinned DESC, c.updated_at DESC, c.id DESC
LIMIT @row_limit::bigint;

-- name: ConversationGet :one
SELECT c.id, c.title, c.title_by_user, c.pinned, c.temporary, c.archived_at, c.created_at, c.updated_at,
  coalesce((SELECT r.message_id FROM runs r WHERE r.conversation_id = c.id AND r.status = 'running'), '')::text AS running_reply
FROM conversations c
WHERE c.id = @id;

-- name: ConversationCreate :one
-- No row: the id is taken.
INSERT INTO conversations (id, title, title_by_user, created_at, updated_at)
VALUES (@id, @title, @title_by_user, @now, @now)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: ConversationUpdate :execrows
UPDATE conversations SET
  title = coalesce(sqlc.narg(title), title),
  title_by_user = title_by_user OR sqlc.narg(title)::text IS NOT NULL,
  title_indexed = title_indexed AND sqlc.narg(title)::text IS NULL,
  pinned = coalesce(sqlc.narg(pinned), pinned),
  archived_at = CASE WHEN sqlc.narg(archived)::boolean IS NULL THEN archived_at
    WHEN sqlc.narg(archived)::boolean THEN coalesce(archived_at, @now::timestamptz) END
WHERE id = @id;

-- name: ConversationsDelete :execrows
DELETE FROM conversations WHERE id = ANY(@ids::text[]);

-- name: ConversationsDeleteMessages :exec
DELETE FROM messages WHERE conversation_id = ANY(@ids::text[]);

-- name: ConversationsDeleteRuns :exec
-- A run under way stays until it is settled: what it used is still to be counted.
DELETE FROM runs WHERE conversation_id = ANY(@ids::text[]) AND status <> 'running';

-- name: ConversationsDeleteAttachments :exec
DELETE FROM attachments WHERE conversation_id = ANY(@ids::text[]);

-- name: ConversationLock :one
SELECT last_seq FROM conversations WHERE id = @id FOR UPDATE;
