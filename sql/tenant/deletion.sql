-- name: RunsUnderWay :many
SELECT id, instance_id FROM runs WHERE status = 'running';
