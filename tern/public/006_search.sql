-- Full-text search over a sealed table. A condition with @@ does not reach an index before a seal has looked at every row, since the
-- operator is not leakproof. So the index is asked by this function, which runs as the owner, whom no seal concerns. It is given no
-- name of a brain: it finds the one whose key is bound, by the hash of that key. And it returns no content, only places; what stands
-- there the caller reads through the seal.

-- Places in the bound brain that a query finds, newest first: of messages before the place given, or of conversations by their titles
-- (seq 0 then, created_at being that of their last message). A query that only says what not to find finds nothing; max_rows is 101 at
-- most. TB001: no key is bound, or none that opens a brain.
CREATE FUNCTION public.search_messages(query tsquery, titles boolean, before_at timestamptz, before_conversation text, before_seq bigint, max_rows integer)
RETURNS TABLE (conversation_id text, seq bigint, created_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL UNSAFE ROWS 30
SET search_path = pg_catalog, pg_temp
-- The tables are not analysed. Left to guess, the planner sorts all rows for the newest, or reads them all.
SET enable_sort = off
SET enable_seqscan = off
AS $$
DECLARE
  -- How many of the newest rows are looked at before the index is asked: what is frequent is found among them, and what is not has few
  -- places for the index to return.
  probe CONSTANT integer := 500;
  brain text := (SELECT t.schema_name FROM public.tenants t
    WHERE t.lock = pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.current_setting('twobrains.key', true), 'UTF8')));
  wanted integer := least(max_rows, 101);
  -- The same without the order of words, which only the rows tell, and not the index.
  loose tsquery := query;
  found integer;
  edge record;
BEGIN
  IF brain IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TB001', MESSAGE = 'no private brain is bound';
  END IF;
  IF query IS NULL OR querytree(query) IN ('', 'T') OR wanted < 1 THEN
    RETURN;
  END IF;
  IF titles THEN
    RETURN QUERY EXECUTE format(
      'SELECT c.id::text, 0::bigint, c.updated_at FROM %1$I.message_search s JOIN %1$I.conversations c ON c.id = s.conversation_id
       WHERE s.created_at = ''-infinity'' AND s.tsv @@ $1 AND (c.updated_at, c.id) < ($2, $3)
       ORDER BY c.updated_at DESC, c.id DESC LIMIT $4', brain)
      USING query, before_at, before_conversation, wanted;
    RETURN;
  END IF;
  EXECUTE format(
    'SELECT created_at, conversation_id::text, seq FROM %I.message_search
     WHERE (created_at, conversation_id, seq) < ($1, $2, $3) AND created_at > ''-infinity''
     ORDER BY created_at DESC, conversation_id DESC, seq DESC OFFSET $4 LIMIT 1', brain)
    INTO edge USING before_at, before_conversation, before_seq, probe;
  RETURN QUERY EXECUTE format(
    'SELECT s.conversation_id::text, s.seq, s.created_at FROM (
       SELECT * FROM %I.message_search n
       WHERE (n.created_at, n.conversation_id, n.seq) < ($2, $3, $4) AND n.created_at > ''-infinity''
       ORDER BY n.created_at DESC, n.conversation_id DESC, n.seq DESC LIMIT $5) s
     WHERE s.tsv @@ $1 LIMIT $6', brain)
    USING query, before_at, before_conversation, before_seq, probe, wanted;
  GET DIAGNOSTICS found = ROW_COUNT;
  IF edge.seq IS NULL OR found >= wanted THEN
    RETURN;
  END IF;
  -- Materialized, so that nothing but the condition on the words decides how its rows are found.
  IF strpos(query::text, '!') = 0 THEN
    loose := regexp_replace(query::text, '<(-|[0-9]+)>', '&', 'g')::tsquery;
  END IF;
  RETURN QUERY EXECUTE format(
    'WITH hits AS MATERIALIZED (SELECT s.created_at, s.conversation_id, s.seq FROM %1$I.message_search s WHERE s.tsv @@ $1)
     SELECT h.conversation_id::text, h.seq, h.created_at FROM (
       SELECT * FROM hits n WHERE (n.created_at, n.conversation_id, n.seq) <= ($2, $3, $4) AND n.created_at > ''-infinity''
       ORDER BY n.created_at DESC, n.conversation_id DESC, n.seq DESC OFFSET 0) h'
    || CASE WHEN loose::text <> query::text THEN
      ' JOIN LATERAL (SELECT r.tsv FROM %1$I.message_search r
         WHERE (r.created_at, r.conversation_id, r.seq) = (h.created_at, h.conversation_id, h.seq) OFFSET 0) whole ON whole.tsv @@ $6' ELSE '' END
    || ' ORDER BY h.created_at DESC, h.conversation_id DESC, h.seq DESC LIMIT $5', brain)
    USING loose, edge.created_at, edge.conversation_id, edge.seq, wanted - found, query;
END
$$;
REVOKE ALL ON FUNCTION public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer) IS
  'Places in the brain whose key is bound that a text search finds; the only way to its index.';

-- Null: for ever.
ALTER TABLE public.user_settings ADD COLUMN retention_days integer CHECK (retention_days BETWEEN 1 AND 3650);
COMMENT ON COLUMN public.user_settings.retention_days IS 'Conversations whose last message is older are deleted; null: none are.';

---- create above / drop below ----

ALTER TABLE public.user_settings DROP COLUMN retention_days;
DROP FUNCTION public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer);
