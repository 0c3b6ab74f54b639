import type { Example } from "~/sql/examples";
import { adminStrings } from "~/strings/admin";

const titles = adminStrings.sql.examples;

/** Queries to begin with, over what analysts may read. */
export const examples: readonly Example[] = [
  {
    title: titles.usage,
    sql: `-- Messages, tokens and cost by model in the last 30 days
SELECT model, sum(messages) AS messages, sum(input_tokens + output_tokens) AS tokens,
       round(sum(cost_microusd) / 1e6, 4) AS dollars
FROM analytics.usage
WHERE key_source = 'platform'
GROUP BY model
ORDER BY dollars DESC, messages DESC`,
  },
  {
    title: titles.active,
    sql: `-- Users who began a reply: on the day, in 7 days, in 30
SELECT * FROM analytics.active_users
ORDER BY day DESC`,
  },
  {
    title: titles.hits,
    sql: `-- Messages refused because a limit was reached
SELECT day, quota, hits, users
FROM analytics.quota_hits
ORDER BY day DESC, hits DESC`,
  },
  {
    title: titles.top,
    sql: `-- Who cost most in the last 7 days
SELECT place, user_id, messages, tokens, round(cost_microusd / 1e6, 4) AS dollars
FROM analytics.top_users(current_date - 6, current_date)
ORDER BY place`,
  },
  {
    title: titles.latency,
    sql: `-- Time to the first token by day and model, in milliseconds
SELECT day, model, key_source, runs, p50_ms, p95_ms
FROM analytics.first_token
ORDER BY day DESC, runs DESC`,
  },
];
