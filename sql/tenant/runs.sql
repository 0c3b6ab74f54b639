-- name: RunStart :exec
-- A unique violation means that a reply is under way in the conversation. Until the run ends, input_tokens is an estimate, by which a
-- run whose process died is accounted.
INSERT INTO runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status, charged_on, return_seq,
  input_tokens, started_at)
VALUES (@id, @conversation_id, @user_message_id, @message_id, @model, @effort, @key_source, @instance_id, 'running', @charged_on, @return_seq,
  @input_tokens, @now);

-- name: RunSettle :one
-- Ends a run exactly once: raises TB010 if it has ended before or never was. The conversation is locked before the run, as by whoever
-- stores a message and begins a run; the condition is there for the order.
WITH locked AS (
  SELECT c.id FROM conversations c WHERE c.id = @conversation_id FOR UPDATE
), settled AS (
  UPDATE runs SET status = @status, finish_reason = @finish_reason, error_code = @error_code,
    input_tokens = @input_tokens, cached_input_tokens = @cached_input_tokens, output_tokens = @output_tokens,
    reasoning_tokens = @reasoning_tokens, cost_microusd = @cost_microusd, usage_estimated = @usage_estimated,
    charged_on = CASE WHEN @refunded::boolean THEN NULL ELSE charged_on END, settled_by = @settled_by, ended_at = @now
  WHERE runs.id = @id AND runs.status = 'running' AND (SELECT count(*) FROM locked) >= 0
  RETURNING runs.id
)
SELECT (CASE WHEN EXISTS (SELECT FROM settled) THEN true ELSE public.require(false, 'TB010') END)::boolean AS settled;

-- name: RunFinish :one
-- RunSettle of a run that brought a reply, which is appended to the conversation if that is still there; stored counts it.
WITH locked AS (
  UPDATE conversations c SET last_seq = c.last_seq + 1, updated_at = @now WHERE c.id = @conversation_id
  RETURNING c.id, c.last_seq
), settled AS (
  UPDATE runs SET status = @status, finish_reason = @finish_reason, error_code = @error_code,
    input_tokens = @input_tokens, cached_input_tokens = @cached_input_tokens, output_tokens = @output_tokens,
    reasoning_tokens = @reasoning_tokens, cost_microusd = @cost_microusd, usage_estimated = @usage_estimated,
    charged_on = CASE WHEN @refunded::boolean THEN NULL ELSE charged_on END, settled_by = @settled_by, ended_at = @now
  WHERE runs.id = @id AND runs.status = 'running' AND (SELECT count(*) FROM locked) >= 0
  RETURNING runs.id
), stored AS (
  INSERT INTO messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at)
  SELECT @message_id, l.id, l.last_seq, 'assistant', @parts, @metadata, @status, @size, @now
  FROM locked l, settled
  RETURNING id
)
SELECT (CASE WHEN EXISTS (SELECT FROM settled) THEN true ELSE public.require(false, 'TB010') END)::boolean AS settled, (SELECT count(*) FROM stored) AS stored;

-- name: RunAmend :execrows
-- What a run has really come to that another process has ended because it took this one for dead. No row: it has ended otherwise.
UPDATE runs SET status = @status, finish_reason = @finish_reason, error_code = @error_code,
  input_tokens = @input_tokens, cached_input_tokens = @cached_input_tokens, output_tokens = @output_tokens,
  reasoning_tokens = @reasoning_tokens, cost_microusd = @cost_microusd, usage_estimated = @usage_estimated,
  charged_on = @charged_on, settled_by = @settled_by, ended_at = @now
WHERE id = @id AND runs.status = 'interrupted' AND settled_by IS DISTINCT FROM @settled_by;

-- name: RunGetActive :one
SELECT id, conversation_id, user_message_id, message_id, instance_id FROM runs WHERE conversation_id = @conversation_id AND status = 'running';

-- name: RunGetDead :one
-- A run that is to be settled for a process that cannot, with the reply that it went on with, if it was one of those.
SELECT r.id, r.conversation_id, r.user_message_id, r.message_id, r.model, r.effort, r.key_source, r.instance_id, r.status, r.charged_on,
  r.return_seq, r.input_tokens, r.started_at, (m.id IS NOT NULL)::boolean AS continued, coalesce(m.parts, '[]')::jsonb AS parts, coalesce(m.metadata, '{}')::jsonb AS metadata,
  coalesce(m.status, '')::text AS message_status, coalesce(m.size, 0)::integer AS size
FROM runs r
LEFT JOIN messages m ON m.id = r.message_id
WHERE r.id = @id;

-- name: RunOfMessage :one
-- The newest run that answered a message of the user's.
SELECT id, message_id, instance_id, status FROM runs
WHERE conversation_id = @conversation_id AND user_message_id = @user_message_id
ORDER BY started_at DESC, status = 'running' DESC
LIMIT 1;

-- name: RunReplyTo :one
-- The reply that follows a message on the path.
SELECT id, role, parts, metadata FROM messages m
WHERE m.conversation_id = @conversation_id AND m.on_path AND m.seq > @seq
ORDER BY m.seq
LIMIT 1;

-- name: RunAsked :one
-- A message that a client sends again.
SELECT id, conversation_id, seq, role, parts, on_path FROM messages WHERE id = @id;

-- name: RunDeleteOrphan :exec
-- The trace of a run whose conversation was deleted meanwhile.
DELETE FROM runs r
WHERE r.id = @id AND r.status <> 'running' AND NOT EXISTS (SELECT FROM conversations c WHERE c.id = r.conversation_id);

-- name: RunEnd :one
-- How a run has ended; no row: the conversation is gone, and its runs with it.
SELECT status, ended_at, settled_by, charged_on, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_microusd
FROM runs WHERE id = @id;

-- name: RunReplyAnswer :execrows
-- Stores the user's answers before anything is done about them. No row: somebody else has answered. All requests of a reply are
-- answered at once, so one of them tells.
UPDATE messages SET parts = @parts
WHERE id = @id AND conversation_id = @conversation_id AND role = 'assistant'
  AND parts @> jsonb_build_array(jsonb_build_object('state', 'approval-requested', 'approval', jsonb_build_object('id', @approval_id::text)));

-- name: RunReplyReplace :execrows
-- The reply of a run that went on with a stored one: the same message, with what came to it. The conversation's row is locked
-- until the transaction ends, as by whoever else changes the conversation.
WITH touched AS (
  UPDATE conversations c SET updated_at = @now,
    indexed_seq = least(c.indexed_seq, (SELECT r.seq - 1 FROM messages r WHERE r.id = @id AND r.conversation_id = c.id))
  WHERE c.id = @conversation_id
  RETURNING c.id
)
UPDATE messages m SET parts = @parts, metadata = @metadata, status = @status, size = @size
FROM touched t
WHERE m.id = @id AND m.conversation_id = t.id AND m.role = 'assistant';

-- name: RunTitle :execrows
-- Replaces the title that was made from the first words; never one that the user gave, nor one that came meanwhile.
UPDATE conversations SET title = @title, title_indexed = false
WHERE id = @id AND title = @first_words AND NOT title_by_user AND NOT temporary;

-- name: RunGetContinued :one
-- The stored reply that the run under way goes on with. No row: it makes a new one, or there is none.
SELECT m.id, m.parts, m.metadata FROM runs r JOIN messages m ON m.id = r.message_id
WHERE r.conversation_id = @conversation_id AND r.status = 'running';
