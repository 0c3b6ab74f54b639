-- name: MessageList :many
-- The newest messages of the path before a sequence number, newest first. The path is asked for by a number: unanalysed, a boolean counts
-- as half of the messages, and the planner then sorts a whole conversation (at 1,000 messages 1.7 ms) sooner than go back in its index (.4 ms).
SELECT id, seq, role, parts, metadata, status, created_at, version, versions
FROM messages
WHERE conversation_id = @conversation_id AND seq < @before_seq AND on_path::integer <> 0
ORDER BY seq DESC
LIMIT @row_limit::bigint;

-- name: MessageSend :execrows
-- Appends a message to a conversation, which may be new, and takes its next sequence number; the conversation's row is locked
-- until the transaction ends. The title is for a conversation that has none and was not named by the user; a temporary one gets none. No
-- row: the conversation is to be temporary and is there, and is not.
WITH advanced AS (
  INSERT INTO conversations AS c (id, title, last_seq, temporary, created_at, updated_at)
  VALUES (@conversation_id, CASE WHEN @temporary::boolean THEN '' ELSE @title::text END, 1, @temporary, @now, @now)
  ON CONFLICT (id) DO UPDATE SET last_seq = c.last_seq + 1, updated_at = excluded.updated_at,
    title = CASE WHEN c.title = '' AND NOT c.title_by_user AND NOT c.temporary THEN excluded.title ELSE c.title END,
    title_indexed = c.title_indexed AND (c.title <> '' OR c.title_by_user)
  WHERE c.temporary OR NOT excluded.temporary
  RETURNING c.id, c.last_seq
)
INSERT INTO messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at)
SELECT @id, a.id, a.last_seq, @role, @parts, @metadata, @status, @size, @now
FROM advanced a;

-- name: MessageAppend :execrows
-- As MessageSend, for a conversation that must exist: a deleted one does not come back.
WITH advanced AS (
  UPDATE conversations c SET last_seq = c.last_seq + 1, updated_at = @now WHERE c.id = @conversation_id
  RETURNING c.id, c.last_seq
)
INSERT INTO messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at)
SELECT @id, a.id, a.last_seq, @role, @parts, @metadata, @status, @size, @now
FROM advanced a;

-- name: MessageGet :one
SELECT id, conversation_id, seq, role, parts, metadata, status, created_at FROM messages WHERE id = @id;

-- name: MessageHistory :many
-- What a model gets to read: the newest messages of the path whose text fits the budget, the newest one in any case, in order.
SELECT id, seq, role, parts, status FROM (
  SELECT m.id, m.seq, m.role, m.parts, m.status,
    sum(m.size) OVER (ORDER BY m.seq DESC) - m.size AS newer
  FROM messages m
  WHERE m.conversation_id = @conversation_id AND m.on_path::integer <> 0
  ORDER BY m.seq DESC
  LIMIT @row_limit::bigint
) recent
WHERE newer < @budget::bigint
ORDER BY seq;
