-- name: StorageMeasure :one
-- What the user's rows take, as they are stored, compressed or not; a message or note has 200 bytes more for its row and indexes.
-- Attachments as in AttachmentTotal.
SELECT
  ((SELECT coalesce(sum(pg_column_size(m.parts) + pg_column_size(m.metadata) + 200), 0) FROM messages m)
    + (SELECT coalesce(sum(pg_column_size(n.content) + 200), 0) FROM memories n))::bigint AS messages,
  (SELECT coalesce(sum(greatest(a.size, 4096)), 0) FROM attachments a)::bigint AS attachments,
  (SELECT coalesce(sum(pg_column_size(s.tsv) + 100), 0) FROM message_search s)::bigint AS search;
