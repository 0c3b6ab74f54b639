import { describe, expect, it } from "vitest";
import {
  actionPath,
  address,
  awaitsCode,
  groupError,
  loginAsked,
  messages,
  methods,
  nest,
  safeReturnPath,
  shown,
} from "./flow";
import type { Flow, UiNode } from "./kratos";

function node(group: string, name: string, value?: unknown, more: Partial<UiNode> = {}): UiNode {
  return { type: "input", group, attributes: { name, value }, messages: [], ...more };
}

function flow(nodes: UiNode[], more: Partial<Flow> = {}): Flow {
  return {
    id: "f",
    ui: { action: "http://elsewhere:8080/.ory/self-service/login?flow=f", method: "POST", nodes },
    ...more,
  };
}

describe("a flow", () => {
  it("offers what it has nodes for", () => {
    const start = flow([
      node("default", "csrf_token", "t"),
      node("default", "identifier"),
      node("code", "method", "code"),
      node("oidc", "provider", "google"),
      node("oidc", "provider", "github"),
    ]);
    expect(methods(start)).toEqual({
      code: true,
      password: false,
      totp: false,
      backup: false,
      providers: ["google", "github"],
    });
    expect(awaitsCode(start)).toBe(false);
  });

  it("waits for the code once the mail is out, and knows the address", () => {
    const login = flow([node("default", "identifier", "a@example.test"), node("code", "code")], {
      state: "sent_email",
    });
    expect(awaitsCode(login)).toBe(true);
    expect(address(login)).toBe("a@example.test");
    const registration = flow([node("default", "traits.email", "b@example.test")]);
    expect(address(registration)).toBe("b@example.test");
  });

  it("gathers the messages of its fields too", () => {
    const error = { id: 1, text: "one", type: "error" as const };
    const field = { id: 2, text: "two", type: "error" as const };
    const both = flow([node("default", "identifier", "", { messages: [field] })]);
    both.ui.messages = [error];
    expect(messages(both)).toEqual([error, field]);
  });

  it("keeps the complaints of its parts apart, and finds what it shows", () => {
    const wrong = { id: 4000008, text: "no", type: "error" as const };
    const settings = flow([
      node("totp", "totp_code", "", { messages: [wrong] }),
      { type: "text", group: "totp", attributes: { id: "totp_secret_key" }, messages: [] },
    ]);
    expect(groupError(settings, "totp")).toEqual(wrong);
    expect(groupError(settings, "password")).toBeUndefined();
    expect(shown(settings, "totp_secret_key")?.type).toBe("text");
    expect(shown(settings, "totp_qr")).toBeUndefined();
  });

  it("is sent to our own origin, whatever Kratos calls itself", () => {
    expect(actionPath(flow([]))).toBe("/.ory/self-service/login?flow=f");
  });
});

it("nests dotted names", () => {
  expect(nest({ method: "code", "traits.email": "a@example.test", "traits.name": "A" })).toEqual({
    method: "code",
    traits: { email: "a@example.test", name: "A" },
  });
});

describe("an address that Kratos sends the browser to", () => {
  it.each([
    ["http://elsewhere/.ory/self-service/login/browser?aal=aal2", { aal: "aal2" }],
    ["http://elsewhere/.ory/self-service/login/browser?refresh=true&return_to=x", { refresh: true }],
    ["http://elsewhere/.ory/self-service/login/browser", {}],
    ["https://accounts.example/authorize?aal=aal2", undefined],
  ])("%s", (url, asked) => {
    expect(loginAsked(url)).toEqual(asked);
  });
});

describe("the way back after signing in", () => {
  it.each(["/c/1", "/?x=1#y", "/"])("may be %s", (path) => {
    expect(safeReturnPath(path)).toBe(path);
  });

  it.each([
    undefined,
    "",
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/auth/login",
    "/.ory/x",
  ])("is the start page instead of %s", (path) => {
    expect(safeReturnPath(path)).toBe("/");
  });
});
