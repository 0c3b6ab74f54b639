-- name: RunStart :exec
-- A unique violation means that a reply is under way in the conversation.
INSERT INTO runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status, charged_on, started_at)
VALUES (@id, @conversation_id, @user_message_id, @message_id, @model, @effort, @key_source, @instance_id, 'running', @charged_on, @now);

-- name: RunSettle :one
-- Ends a run exactly once: raises TB010 if it has ended before or never was.
WITH settled AS (
  UPDATE runs SET status = @status, finish_reason = @finish_reason, error_code = @error_code,
    input_tokens = @input_tokens, cached_input_tokens = @cached_input_tokens, output_tokens = @output_tokens,
    reasoning_tokens = @reasoning_tokens, cost_microusd = @cost_microusd, ended_at = @now
  WHERE id = @id AND runs.status = 'running'
  RETURNING id
)
SELECT public.require(EXISTS (SELECT FROM settled), 'TB010')::boolean AS settled;

-- name: RunGetActive :one
SELECT id, conversation_id, user_message_id, message_id, model, key_source, instance_id, charged_on, started_at
FROM runs
WHERE conversation_id = @conversation_id AND status = 'running';

-- name: RunDeleteOrphan :exec
-- The trace of a run whose conversation was deleted meanwhile.
DELETE FROM runs r
WHERE r.id = @id AND r.status <> 'running' AND NOT EXISTS (SELECT FROM conversations c WHERE c.id = r.conversation_id);

-- name: RunEnd :one
-- How a run has ended; no row: the conversation is gone, and its runs with it.
SELECT status, ended_at FROM runs WHERE id = @id;

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
  UPDATE conversations c SET updated_at = @now WHERE c.id = @conversation_id
  RETURNING c.id
)
UPDATE messages m SET parts = @parts, metadata = @metadata, status = @status, size = @size
FROM touched t
WHERE m.id = @id AND m.conversation_id = t.id AND m.role = 'assistant';

-- name: RunTitle :execrows
-- Replaces the title that was made from the first words; never one that the user gave, nor one that came meanwhile.
UPDATE conversations SET title = @title
WHERE id = @id AND title = @first_words AND NOT title_by_user;
