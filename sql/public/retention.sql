-- name: RetentionDays :one
-- No row, or null: everything is kept.
SELECT retention_days FROM public.user_settings;
