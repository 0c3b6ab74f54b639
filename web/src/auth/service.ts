import { offline, problemFromBody } from "~/api/problem";
import { actionPath, loginAsked, nest, nodeValue } from "./flow";
import type { ContinueWith, Flow, FlowKind } from "./kratos";

/** What an answer of Kratos means for the page. */
export type Step =
  | { type: "flow"; flow: Flow }
  /** The flow succeeded. Without a session, continueWith says what is still missing. */
  | { type: "done"; session: boolean; continueWith: ContinueWith[] }
  /** The browser has to go somewhere else, to a provider for instance. */
  | { type: "redirect"; url: string }
  | { type: "signedIn" }
  /** A session is needed first, or its second factor (aal), or a fresh proof of who it is (refresh). */
  | { type: "signIn"; aal?: "aal2"; refresh?: true }
  /** The flow expired, was used up or belongs to another browser: a new one is needed. */
  | { type: "renew" };

const renewing = new Set([
  "self_service_flow_expired",
  "security_csrf_violation",
  "self_service_flow_replaced",
  "self_service_flow_return_to_forbidden",
]);

/** Reads an answer. Throws a Problem when it is no step of a flow: limits, outages, defects. */
export function interpret(status: number, body: unknown): Step {
  const b = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  if (typeof b.redirect_browser_to === "string") {
    const login = loginAsked(b.redirect_browser_to);
    return login ? { type: "signIn", ...login } : { type: "redirect", url: b.redirect_browser_to };
  }
  if ("ui" in b) {
    return { type: "flow", flow: b as unknown as Flow };
  }
  if (status === 200) {
    const continueWith = (b.continue_with as ContinueWith[] | undefined) ?? [];
    return { type: "done", session: b.session !== undefined, continueWith };
  }
  const id = (b.error as { id?: string } | undefined)?.id ?? "";
  if (id === "session_already_available") {
    return { type: "signedIn" };
  }
  if (id === "session_inactive" || id === "session_aal1_required") {
    return { type: "signIn" };
  }
  if (renewing.has(id) || status === 404 || status === 410) {
    return { type: "renew" };
  }
  throw problemFromBody(body, status);
}

async function ask(path: string, init: RequestInit = {}): Promise<Step> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, {
      ...init,
      credentials: "same-origin",
      headers: { accept: "application/json", ...init.headers },
    });
    const text = await response.text();
    body = text.startsWith("{") ? JSON.parse(text) : undefined;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") {
      throw cause;
    }
    throw offline();
  }
  return interpret(response.status, body);
}

/** What a new login is to achieve beyond a session. */
export interface LoginWish {
  aal?: "aal2";
  refresh?: boolean;
}

/** Starts a flow. returnTo is a path of this app that a provider's redirect should end at. */
export function createFlow(
  kind: FlowKind,
  returnTo?: string,
  { aal, refresh }: LoginWish = {},
  signal?: AbortSignal,
): Promise<Step> {
  const query = new URLSearchParams({
    ...(returnTo ? { return_to: location.origin + returnTo } : {}),
    ...(aal ? { aal } : {}),
    ...(refresh ? { refresh: "true" } : {}),
  });
  return ask(`/.ory/self-service/${kind}/browser?${query}`, { signal });
}

/** Picks up a flow that the browser was sent back with. */
export function loadFlow(kind: FlowKind, id: string, signal?: AbortSignal): Promise<Step> {
  return ask(`/.ory/self-service/${kind}/flows?${new URLSearchParams({ id })}`, { signal });
}

/** Sends values under their node names; the CSRF token goes along. */
export function submitFlow(flow: Flow, values: Record<string, string | boolean>): Promise<Step> {
  return ask(actionPath(flow), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(nest({ ...values, csrf_token: nodeValue(flow, "csrf_token") ?? "" })),
  });
}

/** Ends the session. The caller leaves the page afterwards, so that nothing of it stays in memory. */
export async function signOut(): Promise<void> {
  const headers = { accept: "application/json" };
  const flow = await fetch("/.ory/self-service/logout/browser", { headers });
  if (flow.ok) {
    const { logout_token: token } = (await flow.json()) as { logout_token: string };
    await fetch(`/.ory/self-service/logout?${new URLSearchParams({ token })}`, { headers });
  }
}
