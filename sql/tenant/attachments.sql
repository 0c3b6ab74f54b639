-- name: AttachmentLock :exec
-- One upload of a user at a time counts and adds; readers do not notice. Every user has a table of their own, so it is the user
-- that is locked. Postgres wants an explicit BEGIN before it, so the unit takes two round trips.
LOCK TABLE attachments IN SHARE ROW EXCLUSIVE MODE;

-- name: AttachmentSweep :exec
-- What no message has referred to.
DELETE FROM attachments WHERE conversation_id IS NULL AND created_at < @before;

-- name: AttachmentTotal :one
-- Small files count as 4 KB, so that the number of rows is bounded, too.
SELECT coalesce(sum(greatest(size, 4096)), 0)::bigint AS total FROM attachments;

-- name: AttachmentCreate :execrows
INSERT INTO attachments (id, media_type, name, size, data, created_at)
VALUES (@id, @media_type, @name, octet_length(@data::bytea), @data::bytea, @now);

-- name: AttachmentStore :exec
-- A file that a model made, for a conversation that must exist: a deleted one does not come back. It is left out where it would
-- exceed the user's total; 0 is none. It is added up as in AttachmentTotal; uploads at the same time wait for each other with it,
-- but two replies that end at the same time may exceed the total together.
INSERT INTO attachments (id, conversation_id, media_type, name, size, data, created_at)
SELECT @id, c.id, @media_type, '', octet_length(@data::bytea), @data::bytea, @now
FROM conversations c
WHERE c.id = @conversation_id
  AND (@total_bytes::bigint = 0 OR greatest(octet_length(@data::bytea), 4096)
    + (SELECT coalesce(sum(greatest(a.size, 4096)), 0) FROM attachments a) <= @total_bytes::bigint);

-- name: AttachmentGet :one
SELECT id, media_type, name, size, created_at FROM attachments WHERE id = @id;

-- name: AttachmentRead :one
-- A range, counted from 1.
SELECT substr(data, @first::integer, @count::integer)::bytea AS data FROM attachments WHERE id = @id;

-- name: AttachmentDelete :execrows
DELETE FROM attachments WHERE id = @id;

-- name: AttachmentClaim :many
-- Gives attachments to the conversation whose message refers to them, and returns those that it has then: none that belong to
-- another one.
UPDATE attachments SET conversation_id = @conversation_id
WHERE id = ANY(@ids::uuid[]) AND (conversation_id IS NULL OR conversation_id = @conversation_id)
RETURNING id, media_type, size;

-- name: AttachmentLoad :many
-- The files of the list whose sizes, added up in its order, stay within the budget.
SELECT id, media_type, name, data FROM (
  SELECT a.id, a.media_type, a.name, a.data, w.position, sum(a.size) OVER (ORDER BY w.position) AS total
  FROM unnest(@ids::uuid[]) WITH ORDINALITY AS w (id, position)
  JOIN attachments a ON a.id = w.id
) wanted
WHERE total <= @budget::bigint
ORDER BY position;
