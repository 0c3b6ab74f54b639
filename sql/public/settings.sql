-- name: SettingsGet :one
SELECT default_model, reasoning_effort, custom_instructions, preferences, tool_approval, retention_days, history_tool, memory, updated_at FROM public.user_settings;

-- name: SettingsPatch :exec
-- Sets the members whose flag is true and leaves the others as they are.
INSERT INTO public.user_settings AS s (user_id, default_model, reasoning_effort, custom_instructions, preferences, tool_approval, retention_days, history_tool, memory, updated_at)
SELECT t.user_id, sqlc.narg(default_model)::text, sqlc.narg(reasoning_effort)::text,
  coalesce(sqlc.narg(custom_instructions)::text, ''), coalesce(sqlc.narg(preferences)::jsonb, '{}'), sqlc.narg(tool_approval)::text, sqlc.narg(retention_days)::integer, @history_tool::boolean, @memory::boolean, @now::timestamptz
FROM public.tenants t
ON CONFLICT (user_id) DO UPDATE SET
  default_model = CASE WHEN @set_default_model::boolean THEN excluded.default_model ELSE s.default_model END,
  reasoning_effort = CASE WHEN @set_reasoning_effort::boolean THEN excluded.reasoning_effort ELSE s.reasoning_effort END,
  custom_instructions = CASE WHEN @set_custom_instructions::boolean THEN excluded.custom_instructions ELSE s.custom_instructions END,
  preferences = CASE WHEN @set_preferences::boolean THEN excluded.preferences ELSE s.preferences END,
  tool_approval = CASE WHEN @set_tool_approval::boolean THEN excluded.tool_approval ELSE s.tool_approval END,
  retention_days = CASE WHEN @set_retention_days::boolean THEN excluded.retention_days ELSE s.retention_days END,
  history_tool = CASE WHEN @set_history_tool::boolean THEN excluded.history_tool ELSE s.history_tool END,
  memory = CASE WHEN @set_memory::boolean THEN excluded.memory ELSE s.memory END,
  updated_at = excluded.updated_at;
