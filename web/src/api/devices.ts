// The sessions of this account, as Kratos lists them.
import { queryOptions } from "@tanstack/react-query";
import { offline, problemFromBody } from "./problem";

/** A session, by what is known of the browser that holds it. */
export interface DeviceSession {
  id: string;
  /** What it calls itself (User-Agent); may be empty. */
  userAgent: string;
  address: string;
  signedInAt: string;
  /** It is the session of this very browser. */
  current: boolean;
}

interface KratosSession {
  id: string;
  active?: boolean;
  authenticated_at?: string;
  devices?: { ip_address?: string; user_agent?: string }[];
}

/** This browser's session first, then the others, newest first. */
export const devicesQuery = queryOptions({
  queryKey: ["devices"],
  queryFn: async ({ signal }) => {
    const [own, others] = await Promise.all([
      ask<KratosSession>("/.ory/sessions/whoami", { signal }),
      ask<KratosSession[]>("/.ory/sessions?page_size=250", { signal }),
    ]);
    return [read(own, true), ...others.filter((s) => s.active !== false).map((s) => read(s, false))];
  },
});

/** Ends another session of this account. */
export async function endSession(id: string): Promise<void> {
  await ask(`/.ory/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Ends all sessions of this account but this browser's. */
export async function endOtherSessions(): Promise<void> {
  await ask("/.ory/sessions", { method: "DELETE" });
}

export function read(session: KratosSession, current: boolean): DeviceSession {
  // The newest visit is the last one.
  const device = session.devices?.at(-1);
  return {
    id: session.id,
    userAgent: device?.user_agent ?? "",
    address: device?.ip_address ?? "",
    signedInAt: session.authenticated_at ?? "",
    current,
  };
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, {
      ...init,
      credentials: "same-origin",
      headers: { accept: "application/json" },
    });
    const text = await response.text();
    body = text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") {
      throw cause;
    }
    throw cause instanceof SyntaxError ? problemFromBody(undefined) : offline();
  }
  if (!response.ok) {
    throw kratosProblem(body, response.status);
  }
  return body as T;
}

/** Kratos's refusals in our own codes; what the server itself refuses has them already. */
export function kratosProblem(body: unknown, status: number) {
  const code = { 401: "unauthenticated", 403: "second_factor_required" }[status];
  const own = typeof body === "object" && body !== null && "code" in body;
  return own || code === undefined ? problemFromBody(body, status) : problemFromBody({ code }, status);
}
