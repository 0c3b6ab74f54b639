-- name: SavedQueryList :many
-- Bound to an admin: those of all admins.
SELECT id, name, query, updated_at FROM public.saved_queries ORDER BY lower(name), id;

-- name: SavedQueryAdd :one
-- Bound to an admin.
INSERT INTO public.saved_queries (id, name, query) VALUES (@id, @name, @query) RETURNING updated_at;

-- name: SavedQueryChange :one
-- Bound to an admin.
UPDATE public.saved_queries SET name = @name, query = @query, updated_at = now() WHERE id = @id RETURNING updated_at;

-- name: SavedQueryRemove :execrows
-- Bound to an admin.
DELETE FROM public.saved_queries WHERE id = @id;
