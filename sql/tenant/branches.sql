-- name: BranchTree :many
-- All messages of a conversation in order, without what they say.
SELECT id, seq, role, parent_seq, on_path FROM messages WHERE conversation_id = @conversation_id ORDER BY seq;

-- name: BranchMove :exec
-- Takes messages off the path, or brings them back. Each is told what it follows: beside the path its place does not tell.
UPDATE messages m SET on_path = @on_path, parent_seq = moved.parent_seq
FROM (SELECT unnest(@seqs::bigint[]) AS seq, unnest(@parents::bigint[]) AS parent_seq) moved
WHERE m.conversation_id = @conversation_id AND m.seq = moved.seq;

-- name: BranchRename :exec
-- An edited message leaves its id to its new version, and takes the runs that answered it along.
WITH renamed AS (
  UPDATE messages m SET id = @new_id WHERE m.id = @id AND m.conversation_id = @conversation_id
  RETURNING m.conversation_id AS conversation
)
UPDATE runs r SET user_message_id = @new_id FROM renamed WHERE r.conversation_id = renamed.conversation AND r.user_message_id = @id;

-- name: BranchNumber :exec
-- Numbers the versions of the message at the end of the path: those that left it and follow the same message, which is none for the
-- first of a conversation.
WITH versions AS (
  SELECT m.id, row_number() OVER (ORDER BY m.seq) AS version, count(*) OVER () AS versions
  FROM messages m
  WHERE m.conversation_id = @conversation_id AND (m.id = @id
    OR NOT m.on_path AND m.parent_seq = coalesce((SELECT p.seq FROM messages p WHERE p.id = @follows), 0))
)
UPDATE messages m SET version = v.version, versions = v.versions
FROM versions v
WHERE m.id = v.id AND v.versions > 1;

-- name: BranchReturn :exec
-- After a run that was to bring another reply and brought nothing: the path goes back to where it ended before. The
-- conversation's row must be locked.
WITH RECURSIVE chain AS (
  SELECT m.conversation_id, m.seq, m.parent_seq
  FROM runs r JOIN messages m ON m.conversation_id = r.conversation_id AND m.seq = r.return_seq
  WHERE r.id = @run_id AND NOT m.on_path
  UNION ALL
  SELECT m.conversation_id, m.seq, m.parent_seq
  FROM chain c JOIN messages m ON m.conversation_id = c.conversation_id AND m.seq = c.parent_seq
  WHERE NOT m.on_path
)
UPDATE messages m SET on_path = true FROM chain c WHERE m.conversation_id = c.conversation_id AND m.seq = c.seq;

-- name: BranchVersions :many
-- What the versions of a message say.
SELECT id, role, parts, metadata, status, created_at, on_path, version, versions
FROM messages
WHERE conversation_id = @conversation_id AND id = ANY(@ids::text[])
ORDER BY seq;
