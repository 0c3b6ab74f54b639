// Pure readings of a flow. What Kratos shows is a list of nodes; which of them are there decides what we offer.
import type { Flow, UiNode, UiText } from "./kratos";

const named = (flow: Flow, name: string) => flow.ui.nodes.find((node) => node.attributes.name === name);

/** The value of a node, as text. */
export function nodeValue(flow: Flow, name: string): string | undefined {
  const value = named(flow, name)?.attributes.value;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The methods on offer. In the second step of a code flow only "code" is left. */
export function methods(flow: Flow): {
  code: boolean;
  password: boolean;
  totp: boolean;
  backup: boolean;
  providers: string[];
} {
  const group = (name: string) => flow.ui.nodes.filter((node) => node.group === name);
  return {
    code: group("code").length > 0,
    password: group("password").length > 0,
    totp: group("totp").length > 0,
    backup: group("lookup_secret").length > 0,
    providers: group("oidc")
      .filter((node) => node.attributes.name === "provider")
      .map((node) => String(node.attributes.value)),
  };
}

/** Whether the flow waits for the code that was mailed. */
export function awaitsCode(flow: Flow): boolean {
  return flow.state === "sent_email" && named(flow, "code") !== undefined;
}

/** The address the flow is about, once it is known. Recovery and verification keep it in their resend button. */
export function address(flow: Flow): string | undefined {
  return nodeValue(flow, "identifier") ?? nodeValue(flow, "traits.email") ?? nodeValue(flow, "email");
}

/** Every message of the flow and of its fields. */
export function messages(flow: Flow): UiText[] {
  return [...(flow.ui.messages ?? []), ...flow.ui.nodes.flatMap((node: UiNode) => node.messages)];
}

/** The first complaint about the nodes of one group, in a form that has several. */
export function groupError(flow: Flow, group: string): UiText | undefined {
  const nodes = flow.ui.nodes.filter((node) => node.group === group);
  return nodes.flatMap((node) => node.messages).find((message) => message.type === "error");
}

/** A picture or text that the flow shows. */
export function shown(flow: Flow, id: string): UiNode | undefined {
  return flow.ui.nodes.find((node) => node.attributes.id === id);
}

/** Puts dotted names ("traits.email") where Kratos's JSON wants them. */
export function nest(values: Record<string, string | boolean>): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const path = name.split(".");
    const last = path.pop() as string;
    let target = body;
    for (const key of path) {
      target[key] ??= {};
      target = target[key] as Record<string, unknown>;
    }
    target[last] = value;
  }
  return body;
}

/** What a login that Kratos sends the browser to is for; nothing if the address is no login. */
export function loginAsked(url: string): { aal?: "aal2"; refresh?: true } | undefined {
  const { pathname, searchParams } = new URL(url, location.origin);
  if (pathname !== "/.ory/self-service/login/browser") {
    return undefined;
  }
  return {
    ...(searchParams.get("aal") === "aal2" ? { aal: "aal2" as const } : {}),
    ...(searchParams.get("refresh") === "true" ? { refresh: true as const } : {}),
  };
}

/** The path inside our own origin that a flow is sent to, whatever host Kratos believes itself to be at. */
export function actionPath(flow: Flow): string {
  const url = new URL(flow.ui.action, location.origin);
  return url.pathname + url.search;
}

/** Where to go after signing in: a path of this app, or the start page for anything else. */
export function safeReturnPath(path: string | undefined): string {
  if (!path?.startsWith("/") || path.startsWith("/auth/") || path.startsWith("/.")) {
    return "/";
  }
  const url = new URL(path, location.origin);
  return url.origin === location.origin ? url.pathname + url.search + url.hash : "/";
}
