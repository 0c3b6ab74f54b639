-- name: ArchiveConversations :many
-- A page of the conversations that are to last, after an id.
SELECT id, title, title_by_user, pinned, archived_at, created_at, updated_at FROM conversations
WHERE id > @after AND NOT temporary
ORDER BY id
LIMIT @max_rows;

-- name: ArchiveMessages :many
-- A page of a conversation's messages, those beside the path too.
SELECT id, seq, role, parts, metadata, status, created_at, parent_seq, on_path FROM messages
WHERE conversation_id = @conversation_id AND seq > @after
ORDER BY seq
LIMIT @max_rows;

-- name: ArchiveTotals :one
-- How much there is, in bytes: what progress is measured by.
SELECT (SELECT count(*) FROM conversations) AS conversations, (SELECT count(*) FROM messages) AS messages,
  (SELECT coalesce(sum(pg_column_size(m.parts)), 0) FROM messages m)::bigint AS message_bytes,
  (SELECT coalesce(sum(a.size), 0) FROM attachments a)::bigint AS attachment_bytes;

-- name: ArchiveAttachments :many
-- A page of attachments without their bytes, after an id.
SELECT a.id, a.conversation_id, a.media_type, a.name, a.size, a.created_at FROM attachments a
WHERE a.id > @after AND NOT EXISTS (SELECT FROM conversations c WHERE c.id = a.conversation_id AND c.temporary)
ORDER BY a.id
LIMIT @max_rows;

-- What follows looks up each of a list by itself. As = ANY, the plan made while a table is empty is to read all of it and to compare
-- every row with the whole list, and stays so when there are 50,000 rows: half a second instead of 5 ms.

-- name: ImportTree :many
-- What there is already of some conversations, all of whose rows are locked.
SELECT m.conversation_id, m.id, m.seq, m.role, m.parent_seq, m.on_path, m.version, m.versions
FROM unnest(@ids::text[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT * FROM messages x WHERE x.conversation_id = wanted.id ORDER BY x.seq OFFSET 0) m;

-- name: ImportLock :many
-- Conversations that exist, locked in the order of the list, with whether a reply is under way in them.
SELECT c.id, c.last_seq, EXISTS (SELECT FROM runs r WHERE r.conversation_id = c.id AND r.status = 'running')::boolean AS running
FROM unnest(@ids::text[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT x.id, x.last_seq FROM conversations x WHERE x.id = wanted.id FOR UPDATE) c;

-- name: ImportTaken :many
-- Ids of messages that exist, wherever.
SELECT m.id, m.conversation_id
FROM unnest(@ids::text[]) AS wanted (id)
CROSS JOIN LATERAL (SELECT x.id, x.conversation_id FROM messages x WHERE x.id = wanted.id OFFSET 0) m;

-- name: ImportConversations :execrows
INSERT INTO conversations (id, title, title_by_user, pinned, archived_at, last_seq, created_at, updated_at)
SELECT c.id, c.title, c.title_by_user, c.pinned, CASE WHEN c.archived THEN c.archived_at END, c.last_seq, c.created_at, c.updated_at
FROM (SELECT unnest(@ids::text[]) AS id, unnest(@titles::text[]) AS title, unnest(@titles_by_user::boolean[]) AS title_by_user,
  unnest(@pinned::boolean[]) AS pinned, unnest(@archived::boolean[]) AS archived, unnest(@archived_at::timestamptz[]) AS archived_at,
  unnest(@last_seqs::bigint[]) AS last_seq, unnest(@created_at::timestamptz[]) AS created_at, unnest(@updated_at::timestamptz[]) AS updated_at) c
ON CONFLICT (id) DO UPDATE SET last_seq = greatest(conversations.last_seq, excluded.last_seq),
  updated_at = greatest(conversations.updated_at, excluded.updated_at);

-- name: ImportMessages :execrows
INSERT INTO messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at, parent_seq, on_path, version, versions)
SELECT unnest(@ids::text[]), unnest(@conversation_ids::text[]), unnest(@seqs::bigint[]), unnest(@roles::text[]), unnest(@parts::text[])::jsonb,
  unnest(@metadata::text[])::jsonb, unnest(@statuses::text[]), unnest(@sizes::integer[]), unnest(@created_at::timestamptz[]),
  unnest(@parents::bigint[]), unnest(@on_path::boolean[]), unnest(@version::smallint[]), unnest(@versions::smallint[]);

-- name: ImportNumbers :exec
-- Messages that got siblings.
UPDATE messages m SET version = n.version, versions = n.versions
FROM (SELECT unnest(@ids::text[]) AS id, unnest(@version::smallint[]) AS version, unnest(@versions::smallint[]) AS versions) n
WHERE m.id = n.id;

-- name: ImportAttachmentsThere :many
SELECT id FROM attachments WHERE id = ANY(@ids::uuid[]);

-- name: ImportAttachment :one
-- Left out where there is one of this id, where its conversation is not there, or where it would exceed the user's total; 0 is none.
WITH owner AS (
  SELECT c.id FROM conversations c WHERE c.id = @conversation_id
), added AS (
  INSERT INTO attachments (id, conversation_id, media_type, name, size, data, created_at)
  SELECT @id, o.id, @media_type, @name, octet_length(@data::bytea), @data::bytea, @created_at FROM owner o
  WHERE @total_bytes::bigint = 0 OR greatest(octet_length(@data::bytea), 4096)
    + (SELECT coalesce(sum(greatest(a.size, 4096)), 0) FROM attachments a) <= @total_bytes::bigint
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)
SELECT EXISTS (SELECT FROM added) AS added, EXISTS (SELECT FROM owner) AS owned;

-- name: RestoreEndRuns :exec
-- A reply under way when the rows were taken goes on nowhere.
UPDATE runs SET status = 'interrupted', ended_at = coalesce(ended_at, started_at) WHERE status = 'running';
