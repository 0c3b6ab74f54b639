-- name: MemoryLock :exec
-- One writer of a user at a time counts and adds; readers do not notice. As AttachmentLock.
LOCK TABLE memories IN SHARE ROW EXCLUSIVE MODE;

-- name: MemoryList :many
-- Newest first. A conversation that is gone is none.
SELECT m.id, m.content, m.by_model, m.created_at, m.updated_at,
  coalesce((SELECT c.id FROM conversations c WHERE c.id = m.conversation_id), '')::text AS conversation_id
FROM memories m
ORDER BY m.created_at DESC, m.id DESC;

-- name: MemoryRecall :one
-- What a run in a conversation gets to know, what was last written first; and whether the conversation is temporary.
SELECT EXISTS (SELECT FROM conversations c WHERE c.id = @conversation_id AND c.temporary) AS temporary,
  ARRAY(SELECT m.content::text FROM memories m ORDER BY m.updated_at DESC, m.id DESC)::text[] AS notes;

-- name: MemoryAdd :execrows
-- Some or none: what has an id that is taken is left out.
INSERT INTO memories (id, content, by_model, conversation_id, created_at, updated_at)
SELECT unnest(@ids::uuid[]), unnest(@contents::text[]), unnest(@by_model::boolean[]), nullif(unnest(@conversation_ids::text[]), ''),
  unnest(@created_at::timestamptz[]), unnest(@updated_at::timestamptz[])
ON CONFLICT (id) DO NOTHING;

-- name: MemoryUpdate :one
-- Other words, and whose they are. No row: there is no such note.
UPDATE memories SET content = @content, by_model = @by_model, conversation_id = nullif(@conversation_id::text, ''), updated_at = @now
WHERE id = @id
RETURNING created_at;

-- name: MemoryDelete :execrows
DELETE FROM memories WHERE id = @id;

-- name: MemoryClear :execrows
DELETE FROM memories;
