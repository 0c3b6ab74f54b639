import { afterEach, describe, expect, it, vi } from "vitest";
import { devicesQuery, kratosProblem } from "./devices";

afterEach(() => vi.unstubAllGlobals());

describe("the sessions of an account", () => {
  const session = (id: string, active = true) => ({
    id,
    active,
    authenticated_at: "2026-11-22T12:00:00Z",
    devices: [{ ip_address: "192.0.2.1:4711", user_agent: "x" }],
  });

  it("begin with one's own; those that have ended are left out", async () => {
    vi.stubGlobal("fetch", async (path: string) =>
      Response.json(path.endsWith("whoami") ? session("own") : [session("other"), session("over", false)]),
    );
    const { queryFn } = devicesQuery;
    const list = await (queryFn as (context: object) => Promise<{ id: string; current: boolean }[]>)({});
    expect(list.map(({ id, current }) => [id, current])).toEqual([
      ["own", true],
      ["other", false],
    ]);
  });

  it("are refused in our own codes", () => {
    expect(kratosProblem({ error: { id: "session_inactive" } }, 401).code).toBe("unauthenticated");
    expect(kratosProblem({ error: { id: "session_aal2_required" } }, 403).code).toBe(
      "second_factor_required",
    );
    expect(kratosProblem({ code: "unavailable", status: 503 }, 503).code).toBe("unavailable");
    expect(kratosProblem(undefined, 500).code).toBe("unknown");
  });
});
