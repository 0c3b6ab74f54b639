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

-- name: RunReplyReplace :execrows
-- The reply of a run that went on with a stored one: the same message, with what came to it.
UPDATE messages SET parts = @parts, metadata = @metadata, status = @status, size = @size
WHERE id = @id AND conversation_id = @conversation_id AND role = 'assistant';

-- name: RunTitle :execrows
-- Replaces the title that was made from the first words; never one that the user gave, nor one that came meanwhile.
UPDATE conversations SET title = @title
WHERE id = @id AND title = @first_words AND NOT title_by_user;
