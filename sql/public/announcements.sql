-- name: AnnouncementsToShow :many
-- Unbound: those in force, and those that will be.
SELECT id, level, text, starts_at, ends_at FROM public.announcements
WHERE ends_at IS NULL OR ends_at > now()
ORDER BY starts_at DESC, id
LIMIT @most;

-- name: AnnouncementList :many
-- Newest first, those that are over too.
SELECT id, level, text, starts_at, ends_at, created_at, updated_at FROM public.announcements
ORDER BY starts_at DESC, id
LIMIT @most;

-- name: AnnouncementAdd :exec
-- Bound to an admin.
INSERT INTO public.announcements (id, level, text, starts_at, ends_at)
VALUES (@id, @level, @text, @starts_at, sqlc.narg(ends_at)::timestamptz);

-- name: AnnouncementChange :execrows
-- Bound to an admin. A starts_at that is null stays what it was.
UPDATE public.announcements SET level = @level, text = @text, starts_at = coalesce(sqlc.narg(starts_at)::timestamptz, starts_at),
  ends_at = sqlc.narg(ends_at)::timestamptz, updated_at = now()
WHERE id = @id;

-- name: AnnouncementRemove :execrows
-- Bound to an admin.
DELETE FROM public.announcements WHERE id = @id;
