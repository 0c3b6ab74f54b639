// What the pages of admins ask for and what they get. Everything here answers 404 to whoever is no admin.
import { client, unwrap } from "./client";

type Method = "get" | "post" | "put" | "delete";

interface Ask {
  query?: Record<string, string | number | undefined>;
  path?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

// One place for all operations: `path` names them as docs/openapi.json does.
const send = client.request as unknown as (
  method: Method,
  path: string,
  init: object,
) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/** Asks the API of administration, and returns its answer or throws a Problem. */
export async function ask<T>(method: Method, path: string, init: Ask = {}): Promise<T> {
  const { query, path: within, body, signal } = init;
  return (await unwrap(send(method, path, { params: { query, path: within }, body, signal }))) as T;
}

/** What a plan, or an exception from one, limits. Null: no limit in a plan, as the plan in an exception. */
export interface PlanLimits {
  messagesPerDay: number | null;
  messagesPerMonth: number | null;
  costPerDayMicroUsd: number | null;
  tokensPerMinute: number | null;
  storageBytes: number | null;
  models: string[] | null;
}
