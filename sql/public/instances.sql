-- name: InstanceBeat :exec
INSERT INTO public.instances (id, version) VALUES (@id, @version)
ON CONFLICT (id) DO UPDATE SET heartbeat_at = now();

-- name: InstanceAlive :one
-- Whether an instance has given a sign of life within the last seconds, by the database's clock.
SELECT EXISTS (
  SELECT FROM public.instances WHERE id = @id AND heartbeat_at > now() - make_interval(secs => @seconds::double precision)
) AS alive;

-- name: InstanceDelete :exec
DELETE FROM public.instances WHERE id = @id;

-- name: InstanceDeleteStale :exec
DELETE FROM public.instances WHERE heartbeat_at < now() - make_interval(secs => @seconds::double precision);
