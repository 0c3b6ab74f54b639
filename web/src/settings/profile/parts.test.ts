import { expect, it } from "vitest";
import type { Flow, UiNode } from "~/auth/kratos";
import { linksOf } from "./Links";
import { codesOf } from "./TwoFactor";

const flow = (nodes: Omit<UiNode, "messages">[]): Flow => ({
  id: "f",
  ui: { action: "/", method: "POST", nodes: nodes.map((node) => ({ ...node, messages: [] })) },
});

it("recovery codes are read where the flow shows them", () => {
  const secret = (code: string) => ({ id: 1050009, text: code, context: { secret: code } });
  const text = {
    id: 1050015,
    text: "a, b",
    type: "info" as const,
    context: { secrets: [secret("a"), secret("b"), { id: 1050014, text: "used at …" }] },
  };
  const shown = flow([
    { type: "text", group: "lookup_secret", attributes: { id: "lookup_secret_codes", text } },
  ]);
  expect(codesOf(shown)).toEqual(["a", "b"]);
  expect(codesOf(flow([]))).toBeUndefined();
});

it("linked accounts are told from those that can be linked", () => {
  const node = (name: string, value: string) => ({
    type: "input" as const,
    group: "oidc",
    attributes: { name, value },
  });
  const both = flow([
    node("link", "google"),
    node("unlink", "github"),
    { ...node("link", "x"), group: "default" },
  ]);
  expect(linksOf(both)).toEqual([
    { provider: "github", linked: true },
    { provider: "google", linked: false },
  ]);
});
