import { strings } from "~/strings";

/** What Postgres says of a query besides its message. */
export interface SqlFault {
  sqlstate: string;
  /** The character of the query that it is about, from 1. */
  position?: number;
  hint?: string;
}

/** A failure with a public face: the server's RFC 9457 answer, "offline" when there was none, "lost" when it broke off. */
export class Problem extends Error {
  readonly status: number;
  /** A documented code of the server, or "offline", "lost", or "unknown" for an answer that is not ours. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId?: string;
  readonly fields: { path: string; message: string }[];
  /** Seconds until a retry may succeed. */
  readonly retryAfter?: number;
  /** With code "sql_error". */
  readonly sql?: SqlFault;

  constructor(init: Partial<Omit<Problem, "name" | "message">> & { code: string }) {
    super(init.detail || init.title || init.code);
    this.name = "Problem";
    this.status = init.status ?? 0;
    this.code = init.code;
    this.title = init.title ?? strings.problems.unknown.title;
    this.detail = init.detail ?? "";
    this.requestId = init.requestId;
    this.fields = init.fields ?? [];
    this.retryAfter = init.retryAfter;
    this.sql = init.sql;
  }
}

/** There was no answer: the network or the server is away. */
export function offline(): Problem {
  return new Problem({ code: "offline", ...strings.problems.offline });
}

/** Reads a parsed body that should be problem+json. Anything else becomes an "unknown" problem that shows none of it. */
export function problemFromBody(body: unknown, status = 0): Problem {
  if (typeof body !== "object" || body === null || typeof (body as { code?: unknown }).code !== "string") {
    return new Problem({ code: "unknown", status, ...strings.problems.unknown });
  }
  const b = body as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return new Problem({
    code: b.code as string,
    status: typeof b.status === "number" ? b.status : status,
    title: text(b.title),
    detail: text(b.detail),
    requestId: text(b.requestId),
    fields: Array.isArray(b.errors) ? (b.errors as { path: string; message: string }[]) : [],
    retryAfter: typeof b.retryAfter === "number" ? b.retryAfter : undefined,
    sql: typeof b.sql === "object" && b.sql !== null ? (b.sql as SqlFault) : undefined,
  });
}

/** Reads what the chat client throws: a refused POST carries the body as its message, a failed stream plain text. */
export function problemFromChat(error: Error): Problem {
  if (error instanceof Problem) {
    return error;
  }
  if (error.name === "LostConnection") {
    return new Problem({ code: "lost", ...strings.problems.lost });
  }
  if (error instanceof TypeError) {
    return offline();
  }
  const status = (error as { statusCode?: number }).statusCode;
  try {
    return problemFromBody(JSON.parse(error.message), status);
  } catch {
    if (status !== undefined) {
      return problemFromBody(undefined, status);
    }
    return new Problem({ code: "reply_failed", title: strings.problems.replyFailed, detail: error.message });
  }
}
