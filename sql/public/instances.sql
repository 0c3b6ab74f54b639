-- name: InstanceBeat :one
-- A sign of life. Where the last one is longer ago than the gap allowed, in seconds, the instance is no longer steady.
INSERT INTO public.instances AS i (id, version) VALUES (@id, @version)
ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(),
  steady_since = CASE WHEN i.heartbeat_at >= now() - make_interval(secs => @gap::double precision) THEN i.steady_since ELSE now() END
RETURNING steady_since;

-- name: InstanceDead :one
-- Whether an instance is dead, by the database's clock: it has taken its entry back, or has given no sign of life for so many
-- seconds. Of the latter only an instance may judge that has itself been steady for as long: after an outage of the database
-- everybody looks dead.
SELECT (NOT EXISTS (SELECT FROM public.instances i WHERE i.id = @id)
  OR NOT EXISTS (SELECT FROM public.instances i
      WHERE i.id = @id AND i.heartbeat_at > now() - make_interval(secs => @seconds::double precision))
    AND EXISTS (SELECT FROM public.instances me
      WHERE me.id = @me AND me.steady_since <= now() - make_interval(secs => @seconds::double precision)
        AND me.heartbeat_at > now() - make_interval(secs => @seconds::double precision)))::boolean AS dead;

-- name: InstanceOthers :one
-- Whether another instance is alive.
SELECT EXISTS (
  SELECT FROM public.instances WHERE id <> @me AND heartbeat_at > now() - make_interval(secs => @seconds::double precision)
) AS others;

-- name: InstanceDelete :exec
DELETE FROM public.instances WHERE id = @id;

-- name: InstanceDeleteStale :exec
DELETE FROM public.instances WHERE heartbeat_at < now() - make_interval(secs => @seconds::double precision);
