import { sqlStrings } from "~/strings/sql";

export interface Example {
  title: string;
  sql: string;
}

/** Queries to begin with. Each runs as it is on every private brain. */
export const examples: readonly Example[] = [
  {
    title: sqlStrings.examples.words,
    sql: `-- My newest messages: the text of their parts
SELECT m.created_at, c.title,
       string_agg(part ->> 'text', ' ') AS text
FROM messages m
JOIN conversations c ON c.id = m.conversation_id
CROSS JOIN jsonb_array_elements(m.parts) AS part
WHERE m.role = 'user' AND part ->> 'type' = 'text'
GROUP BY m.id, c.title
ORDER BY m.created_at DESC
LIMIT 100`,
  },
  {
    title: sqlStrings.examples.longest,
    sql: `-- My longest conversations
SELECT c.title, count(*) AS messages, sum(m.size) AS characters,
       min(m.created_at) AS began, max(m.created_at) AS newest
FROM conversations c
JOIN messages m ON m.conversation_id = c.id
WHERE m.on_path
GROUP BY c.id
ORDER BY messages DESC
LIMIT 20`,
  },
  {
    title: sqlStrings.examples.cost,
    sql: `-- Tokens and cost by month and model
SELECT date_trunc('month', started_at)::date AS month, model,
       count(*) AS replies,
       sum(input_tokens + output_tokens) AS tokens,
       round(sum(cost_microusd) / 1e6, 4) AS dollars
FROM runs
GROUP BY 1, 2
ORDER BY 1 DESC, dollars DESC`,
  },
  {
    title: sqlStrings.examples.hours,
    sql: `-- At which hours (UTC) I write
SELECT extract(hour FROM created_at)::int AS hour, count(*) AS messages
FROM messages
WHERE role = 'user'
GROUP BY hour
ORDER BY hour`,
  },
  {
    title: sqlStrings.examples.files,
    sql: `-- My largest files
SELECT a.name, a.media_type, a.size, a.created_at, c.title AS conversation
FROM attachments a
LEFT JOIN conversations c ON c.id = a.conversation_id
ORDER BY a.size DESC
LIMIT 50`,
  },
];
