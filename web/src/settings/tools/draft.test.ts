import { describe, expect, it } from "vitest";
import type { McpServer } from "~/api/types";
import { change, creation, draftOf, headersOf, movesHost } from "./draft";

const server: McpServer = {
  id: "1",
  name: "Mine",
  url: "https://a.example/mcp",
  transport: "streamable-http",
  headers: ["Authorization"],
  approval: "writes",
  enabled: true,
  builtin: false,
  createdAt: null,
  updatedAt: null,
};

describe("a server's draft", () => {
  it("becomes what is sent, without empty lines", () => {
    const draft = { ...draftOf(undefined), name: " Mine ", url: "https://a.example/mcp " };
    expect(creation(draft, [{ name: "", value: "" }])).toEqual({
      name: "Mine",
      url: "https://a.example/mcp",
      transport: "streamable-http",
      approval: "writes",
      enabled: true,
    });
    expect(creation(draft, [{ name: " X-Key ", value: "v " }]).headers).toEqual({ "X-Key": "v" });
  });

  it("keeps a half-filled header, so that the server can complain about it", () => {
    expect(headersOf([{ name: "X-Key", value: "" }])).toEqual({ "X-Key": "" });
  });

  it("changes what was changed alone", () => {
    expect(change(server, draftOf(server), undefined)).toEqual({});
    expect(change(server, { ...draftOf(server), approval: "never" }, undefined)).toEqual({
      approval: "never",
    });
    expect(change(server, draftOf(server), [])).toEqual({ headers: {} });
  });

  it("needs its headers anew at another place", () => {
    expect(movesHost(server, "https://a.example/other")).toBe(false);
    expect(movesHost(server, "https://a.example:8443/mcp")).toBe(true);
    expect(movesHost(server, "https://b.example/mcp")).toBe(true);
    expect(movesHost(server, "https:")).toBe(false);
    expect(movesHost({ ...server, headers: [] }, "https://b.example/mcp")).toBe(false);
  });
});
