import { describe, expect, it } from "vitest";
import { offline, Problem } from "~/api/problem";
import { passes, pauseBefore } from "./recovery";

describe("a lost connection is tried again", () => {
  const all = (chance: number) => {
    const pauses: number[] = [];
    for (let attempt = 0; ; attempt++) {
      const pause = pauseBefore(attempt, undefined, chance);
      if (pause === undefined) {
        return pauses;
      }
      pauses.push(pause);
    }
  };

  it("soon, then less and less often, and not for ever", () => {
    const pauses = all(0.5);
    expect(pauses[0]).toBeLessThan(500);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses.length).toBeLessThan(12);
    expect(pauses.reduce((a, b) => a + b)).toBeGreaterThan(60_000);
  });

  it("not by all clients at the same time", () => {
    expect(all(0)[3]).toBeLessThan(all(1)[3] ?? 0);
  });

  it("when the server says, within reason", () => {
    const busy = (retryAfter: number) => new Problem({ code: "busy", status: 503, retryAfter });
    expect(pauseBefore(0, busy(5), 0.5)).toBe(5000);
    expect(pauseBefore(0, busy(7200), 0.5)).toBe(60_000);
  });

  it("where the failure is one that passes", () => {
    expect(passes(offline())).toBe(true);
    expect(passes(new Problem({ code: "lost" }))).toBe(true);
    expect(passes(new Problem({ code: "resume_unavailable", status: 503 }))).toBe(true);
    expect(passes(new Problem({ code: "unauthenticated", status: 401 }))).toBe(false);
    expect(passes(new Problem({ code: "not_found", status: 404 }))).toBe(false);
    expect(passes(new Problem({ code: "reply_failed" }))).toBe(false);
  });
});
