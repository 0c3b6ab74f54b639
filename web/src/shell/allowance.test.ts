import { expect, it } from "vitest";
import { narrowest, share } from "./allowance";

const at = "2026-11-23T00:00:00Z";
const quota = (used: number, limit: number | null) => ({ used, limit, remaining: null, resetsAt: at });
const cost = (usedMicroUsd: number, limitMicroUsd: number | null, reservedMicroUsd = 0) => ({
  usedMicroUsd,
  reservedMicroUsd,
  limitMicroUsd,
  resetsAt: at,
});

it("what stands in the way first is shown", () => {
  const kind = (...[day, month, money]: [object, object, object]) =>
    narrowest({ day, month, cost: money } as Parameters<typeof narrowest>[0])?.kind;
  expect(kind(quota(1, 10), quota(1, 100), cost(0, null))).toBe("day");
  expect(kind(quota(1, 10), quota(95, 100), cost(0, null))).toBe("month");
  expect(kind(quota(1, null), quota(1, 100), cost(0, null))).toBe("month");
  expect(kind(quota(1, null), quota(1, null), cost(0, null))).toBeUndefined();
  expect(kind(quota(1, 10), quota(1, 100), cost(50, 100))).toBe("cost");
  expect(kind(quota(6, 10), quota(1, 100), cost(50, 100))).toBe("day");
  expect(kind(quota(6, 10), quota(1, 100), cost(50, 100, 20))).toBe("cost");
  expect(kind(quota(1, null), quota(1, null), cost(0, 100))).toBe("cost");
});

it("all of nothing is used", () => {
  expect(share(0, 0)).toBe(1);
  expect(share(12, 10)).toBe(1);
});
