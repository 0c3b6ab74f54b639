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
