import { describe, expect, it } from "vitest";
import type { UsageItem } from "~/api/types";
import { byDay, byModel, lastDays, total } from "./summary";

function item(day: string, model: string, more: Partial<UsageItem> = {}): UsageItem {
  return {
    day,
    model,
    keySource: "platform",
    messages: 1,
    inputTokens: 10,
    cachedInputTokens: 4,
    outputTokens: 5,
    reasoningTokens: 2,
    costMicroUsd: 100,
    ...more,
  };
}

const items = [
  item("2026-11-20", "a"),
  item("2026-11-22", "a", { keySource: "own", costMicroUsd: 7 }),
  item("2026-11-22", "b", { messages: 5 }),
  item("2026-11-22", "c", { keySource: "own" }),
];

describe("usage", () => {
  it("is summed up, with own keys apart; cached and reasoning tokens are not counted twice", () => {
    expect(total(items)).toEqual({ messages: 8, input: 40, output: 20, cost: 307, ownCost: 107 });
    expect(total([])).toEqual({ messages: 0, input: 0, output: 0, cost: 0, ownCost: 0 });
  });

  it("is ordered by what is looked at", () => {
    expect(byModel(items, "messages").map(({ model }) => model)).toEqual(["b", "a", "c"]);
    expect(byModel(items, "cost").map(({ model, own }) => [model, own])).toEqual([
      ["a", false],
      ["b", false],
      ["c", true],
    ]);
  });

  it("has a row for every UTC day, with the lesser models together", () => {
    const days = lastDays(3, new Date("2026-11-22T23:30:00Z"));
    expect(days).toEqual(["2026-11-20", "2026-11-21", "2026-11-22"]);
    expect(byDay(items, days, ["a"], "Others", "tokens")).toEqual([
      { day: "2026-11-20", a: 15 },
      { day: "2026-11-21" },
      { day: "2026-11-22", a: 15, Others: 30 },
    ]);
  });

  it("crosses months", () => {
    expect(lastDays(2, new Date("2026-03-01T00:10:00Z"))).toEqual(["2026-02-28", "2026-03-01"]);
  });
});
