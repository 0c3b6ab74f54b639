-- name: RunTicketRemove :exec
-- Bound: what the ticket held is released.
WITH ended AS (
  DELETE FROM public.run_tickets WHERE run_id = @run_id RETURNING reserved_microusd, reserved_on
)
UPDATE public.quota_counters q SET day_reserved_microusd = greatest(0, q.day_reserved_microusd - e.reserved_microusd)
FROM ended e
WHERE q.day = e.reserved_on AND e.reserved_microusd > 0;

-- name: RunTicketStop :execrows
-- Bound: asks the instance that makes the reply to stop it.
UPDATE public.run_tickets SET stop_requested_at = coalesce(stop_requested_at, now()) WHERE run_id = @run_id;

-- name: RunTicketStops :many
-- Unbound: runs of an instance that somebody has asked to stop.
SELECT run_id FROM public.run_tickets WHERE instance_id = @instance_id AND stop_requested_at IS NOT NULL;

-- name: RunTicketsOf :many
-- Unbound: the tickets of an instance that are older than so many seconds.
SELECT run_id, instance_id, ciphertext, key_id, (stop_requested_at IS NOT NULL)::boolean AS stop_requested
FROM public.run_tickets
WHERE instance_id = @instance_id AND created_at < now() - make_interval(secs => @seconds::double precision);

-- name: RunTicketsDead :many
-- Unbound: tickets of instances that are dead, as InstanceDead says it, after one and up to another.
SELECT t.run_id, t.instance_id, t.ciphertext, t.key_id, (t.stop_requested_at IS NOT NULL)::boolean AS stop_requested
FROM public.run_tickets t
LEFT JOIN public.instances i ON i.id = t.instance_id
WHERE t.run_id > @after AND t.run_id <= @up_to AND t.instance_id <> @me::uuid AND (i.id IS NULL
  OR i.heartbeat_at <= now() - make_interval(secs => @seconds::double precision)
    AND EXISTS (SELECT FROM public.instances me
      WHERE me.id = @me AND me.steady_since <= now() - make_interval(secs => @seconds::double precision)
        AND me.heartbeat_at > now() - make_interval(secs => @seconds::double precision)))
ORDER BY t.run_id
LIMIT @max_rows;

-- name: RunTicketTidy :exec
-- Unbound: removes what nobody could settle.
DELETE FROM public.run_tickets WHERE created_at < now() - interval '1 day';
