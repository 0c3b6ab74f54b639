-- name: MessageList :many
-- The newest messages before a sequence number, newest first.
SELECT id, seq, role, parts, metadata, status, created_at
FROM messages
WHERE conversation_id = @conversation_id AND seq < @before_seq
ORDER BY seq DESC
LIMIT @row_limit::bigint;

-- name: MessageAppend :execrows
-- Takes the sequence number that ConversationAdvance left on the conversation; inserts nothing if that is gone.
INSERT INTO messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at)
SELECT @id::text, c.id, c.last_seq, @role::text, @parts::jsonb, @metadata::jsonb, @status::text, @size::integer, @now::timestamptz
FROM conversations c
WHERE c.id = @conversation_id;

-- name: MessageGet :one
SELECT id, conversation_id, seq, role, parts, metadata, status, created_at FROM messages WHERE id = @id;

-- name: MessageReplace :execrows
-- An edit by the user: the same message, other content.
UPDATE messages SET parts = @parts, size = @size
WHERE id = @id AND conversation_id = @conversation_id AND role = 'user';

-- name: MessageDeleteAfter :exec
DELETE FROM messages WHERE conversation_id = @conversation_id AND seq > @seq;

-- name: MessageHistory :many
-- What a model gets to read: the newest messages whose text fits the budget, the newest one in any case, in order.
SELECT id, seq, role, parts, status FROM (
  SELECT m.id, m.seq, m.role, m.parts, m.status,
    sum(m.size) OVER (ORDER BY m.seq DESC) - m.size AS newer
  FROM messages m
  WHERE m.conversation_id = @conversation_id
  ORDER BY m.seq DESC
  LIMIT @row_limit::bigint
) recent
WHERE newer < @budget::bigint
ORDER BY seq;
