-- name: ShareConversation :one
-- A conversation to be shared. It cannot be deleted until the transaction ends; messages may still come.
SELECT title, temporary FROM conversations WHERE id = @id FOR KEY SHARE;

-- name: ShareMessages :many
-- The path of a conversation that ends at a message, or with the newest one, up to so many rows. Of each part it reads what a
-- snapshot may hold, so that nothing else leaves the private brain: neither reasoning nor what tools were given and gave. Where the texts
-- together have more characters than the limit there are no parts.
WITH RECURSIVE chain AS (
  SELECT m.seq, m.parent_seq, m.on_path FROM messages m WHERE m.conversation_id = @conversation_id AND m.id = @leaf::text
  UNION ALL
  SELECT m.seq, m.parent_seq, m.on_path FROM chain c JOIN messages m ON m.conversation_id = @conversation_id AND m.seq = c.parent_seq
  WHERE NOT c.on_path
), path AS (
  SELECT m.seq, m.role, m.parts, m.metadata, m.size, m.created_at FROM messages m
  WHERE m.conversation_id = @conversation_id AND (
    m.on_path::integer <> 0 AND (@leaf::text = '' OR m.seq <= (SELECT max(c.seq) FROM chain c WHERE c.on_path))
    OR m.seq IN (SELECT c.seq FROM chain c WHERE NOT c.on_path))
  ORDER BY m.seq
  LIMIT @row_limit::bigint
), sized AS (
  SELECT p.*, sum(p.size) OVER () AS total FROM path p
)
SELECT s.role, s.size, s.created_at, coalesce(s.metadata->>'model', '')::text AS model,
  (CASE WHEN s.total > @max_size::bigint THEN '[]' ELSE coalesce((
    SELECT jsonb_agg(CASE
      WHEN e.part->>'type' = 'text' THEN jsonb_build_object('type', 'text', 'text', e.part->'text')
      WHEN e.part->>'type' = 'file' THEN jsonb_build_object('type', 'file', 'mediaType', e.part->'mediaType')
      ELSE jsonb_build_object('type', e.part->'type', 'toolName', e.part->'toolName') END ORDER BY e.n)
    FROM jsonb_array_elements(s.parts) WITH ORDINALITY AS e(part, n)
    WHERE e.part->>'type' IN ('text', 'file', 'dynamic-tool') OR e.part->>'type' LIKE 'tool-%'), '[]') END)::jsonb AS parts
FROM sized s
ORDER BY s.seq;
