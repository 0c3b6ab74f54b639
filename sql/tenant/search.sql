-- name: SearchCurrent :one
-- Whether all is indexed, and with this configuration.
SELECT (EXISTS (SELECT FROM message_search
    WHERE created_at = '-infinity' AND conversation_id = '' AND seq = 0 AND tsv = array_to_tsvector(ARRAY[@config::text]))
  AND NOT EXISTS (SELECT FROM conversations WHERE (last_seq > indexed_seq OR NOT title_indexed) AND NOT temporary))::boolean AS current;

-- name: SearchBehind :many
-- Conversations of which something is not indexed, those with the newest messages first, locked: nobody changes them until the transaction
-- ends. What somebody else has locked is left for another time.
SELECT id, last_seq, indexed_seq FROM conversations
WHERE (last_seq > indexed_seq OR NOT title_indexed) AND NOT temporary
ORDER BY updated_at DESC
LIMIT @row_limit::bigint
FOR NO KEY UPDATE SKIP LOCKED;

-- name: SearchConfigured :one
-- Whether what is indexed was so with this configuration, which stands in a row for no conversation.
SELECT EXISTS (SELECT FROM message_search
  WHERE created_at = '-infinity' AND conversation_id = '' AND seq = 0 AND tsv = array_to_tsvector(ARRAY[@config::text]))::boolean AS same;

-- name: SearchForget :exec
DELETE FROM message_search;

-- name: SearchForgetConversations :exec
UPDATE conversations SET indexed_seq = 0, title_indexed = false WHERE indexed_seq > 0 OR title_indexed;

-- name: SearchConfigure :exec
INSERT INTO message_search (created_at, conversation_id, seq, tsv) VALUES ('-infinity', '', 0, array_to_tsvector(ARRAY[@config::text]))
ON CONFLICT (created_at, conversation_id, seq) DO UPDATE SET tsv = excluded.tsv;

-- name: SearchIndexMessages :exec
-- The text of messages after first up to last, in conversations that are locked. A text is indexed up to 100,000 characters, since a
-- tsvector has room for 1 MB.
INSERT INTO message_search (created_at, conversation_id, seq, tsv)
SELECT m.created_at, m.conversation_id, m.seq, to_tsvector((@config::text)::regconfig, left(coalesce(
  (SELECT string_agg(p->>'text', chr(10)) FROM jsonb_array_elements(m.parts) p WHERE p->>'type' = 'text'), ''), 100000))
FROM (SELECT unnest(@conversation_ids::text[]) AS id, unnest(@firsts::bigint[]) AS first, unnest(@lasts::bigint[]) AS last) part
JOIN messages m ON m.conversation_id = part.id AND m.seq > part.first AND m.seq <= part.last
ON CONFLICT (created_at, conversation_id, seq) DO UPDATE SET tsv = excluded.tsv;

-- name: SearchIndexTitles :exec
INSERT INTO message_search (created_at, conversation_id, seq, tsv)
SELECT '-infinity', c.id, 0, to_tsvector((@config::text)::regconfig, c.title) FROM conversations c
WHERE c.id = ANY(@conversation_ids::text[]) AND NOT c.title_indexed
ON CONFLICT (created_at, conversation_id, seq) DO UPDATE SET tsv = excluded.tsv;

-- name: SearchIndexed :execrows
UPDATE conversations c SET indexed_seq = part.last, title_indexed = true
FROM (SELECT unnest(@conversation_ids::text[]) AS id, unnest(@lasts::bigint[]) AS last) part
WHERE c.id = part.id;

-- name: SearchMessages :many
-- Messages that the query finds, newest first, before the place given. The index is asked by public.search_messages, which passes the
-- seal for it; what is found is read through the seal. last is the query's last word, which may be unfinished. Of a long text only the
-- surroundings of the needle are looked at for the snippet, whose marks a text cannot bring along: U+E000 and U+E001.
SELECT h.conversation_id::text AS conversation_id, h.seq::bigint AS seq, h.created_at::timestamptz AS created_at, c.title, m.id, m.role, m.on_path,
  ts_headline((@config::text)::regconfig, m.body, q.query, @options::text)::text AS snippet
FROM (SELECT websearch_to_tsquery((@config::text)::regconfig, @words::text) && to_tsquery((@config::text)::regconfig, @last::text) AS query) q
CROSS JOIN LATERAL public.search_messages(q.query, false,
  @before_created_at::timestamptz, @before_conversation_id::text, @before_seq::bigint, @row_limit::integer) AS h(conversation_id, seq, created_at)
CROSS JOIN LATERAL (
  SELECT found.id, found.role, found.on_path, translate(
    CASE WHEN length(found.body) <= 20000 THEN found.body
    ELSE substr(found.body, greatest(1, strpos(lower(found.body), @needle::text) - 2000), 20000) END, chr(57344) || chr(57345), '')::text AS body
  FROM (
    SELECT f.id, f.role, f.on_path,
      left((SELECT string_agg(p->>'text', chr(10)) FROM jsonb_array_elements(f.parts) p WHERE p->>'type' = 'text'), 100000)::text AS body
    FROM messages f WHERE f.conversation_id = h.conversation_id AND f.seq = h.seq
    OFFSET 0
  ) found
) m
JOIN LATERAL (SELECT o.title FROM conversations o WHERE o.id = h.conversation_id OFFSET 0) c ON true;

-- name: SearchTitles :many
-- Conversations whose titles the query finds, those with the newest message first.
SELECT c.id, c.updated_at, c.created_at, c.title, ts_headline((@config::text)::regconfig,
  translate(c.title, chr(57344) || chr(57345), ''), q.query, @options::text)::text AS snippet
FROM (SELECT websearch_to_tsquery((@config::text)::regconfig, @words::text) && to_tsquery((@config::text)::regconfig, @last::text) AS query) q
CROSS JOIN LATERAL public.search_messages(q.query, true,
  @before_updated_at::timestamptz, @before_id::text, 0, @row_limit::integer) AS h(conversation_id, seq, created_at)
JOIN LATERAL (SELECT o.id, o.title, o.created_at, o.updated_at FROM conversations o WHERE o.id = h.conversation_id OFFSET 0) c ON true;

-- name: SearchDeleteConversations :exec
-- Before their messages are deleted, with the conversations locked.
DELETE FROM message_search s
USING (
  SELECT m.created_at, m.conversation_id, m.seq FROM messages m WHERE m.conversation_id = ANY(@conversation_ids::text[])
  UNION ALL
  SELECT '-infinity'::timestamptz, id, 0 FROM unnest(@conversation_ids::text[]) id
) gone
WHERE s.created_at = gone.created_at AND s.conversation_id = gone.conversation_id AND s.seq = gone.seq;
