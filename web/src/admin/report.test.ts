import { describe, expect, it } from "vitest";
import type { Reports } from "~/api/adminReports";
import { cohorts, dateIn, daysOf, endings, lastDaysIn, linesOf, percent, stacked } from "./report";

const span = { since: "2026-11-20", until: "2026-11-22" };

function used(day: string, model: string, more: Partial<Reports["usage"]> = {}): Reports["usage"] {
  return {
    day,
    model,
    provider: model.split(":")[0] ?? "",
    keySource: "platform",
    messages: 1,
    inputTokens: 0,
    outputTokens: 0,
    costMicrousd: 10,
    ...more,
  };
}

describe("spans", () => {
  it("are local days, today included", () => {
    const late = new Date("2026-11-22T23:30:00Z");
    expect(lastDaysIn("Europe/Berlin", 7, late)).toEqual({
      since: "2026-11-17",
      until: "2026-11-23",
      zone: "Europe/Berlin",
    });
    expect(dateIn("America/New_York", late)).toBe("2026-11-22");
    expect(lastDaysIn("UTC", 1, late)).toMatchObject({ since: "2026-11-22", until: "2026-11-22" });
  });

  it("cross months and daylight saving", () => {
    expect(daysOf({ since: "2026-10-24", until: "2026-10-26" })).toHaveLength(3);
    expect(daysOf({ since: "2026-02-27", until: "2026-03-01" })).toEqual([
      "2026-02-27",
      "2026-02-28",
      "2026-03-01",
    ]);
  });
});

describe("usage", () => {
  const rows = [
    used("2026-11-20", "a:one", { messages: 5 }),
    used("2026-11-22", "a:two", { costMicrousd: 300 }),
    used("2026-11-22", "b:three", { keySource: "own", messages: 9 }),
  ];

  it("is stacked by model, the lesser ones together", () => {
    expect(stacked(span, rows, "messages", "model", 2, "Others")).toEqual({
      series: ["b:three", "a:one", "Others"],
      rows: [
        { day: "2026-11-20", "b:three": 0, "a:one": 5, Others: 0 },
        { day: "2026-11-21", "b:three": 0, "a:one": 0, Others: 0 },
        { day: "2026-11-22", "b:three": 9, "a:one": 0, Others: 1 },
      ],
    });
  });

  it("costs the platform nothing on own keys", () => {
    expect(stacked(span, rows, "cost", "provider", 5, "Others")).toEqual({
      series: ["a"],
      rows: [
        { day: "2026-11-20", a: 10 },
        { day: "2026-11-21", a: 0 },
        { day: "2026-11-22", a: 300 },
      ],
    });
  });
});

describe("outcomes", () => {
  const row = { provider: "a", model: "a:one", runs: 4, complete: 2, stopped: 1, interrupted: 0, failed: 1 };

  it("are summed up by day", () => {
    const rows = endings(span, [
      { day: "2026-11-21", ...row },
      { day: "2026-11-21", ...row, model: "a:two" },
    ]);
    expect(rows[1]).toEqual({
      day: "2026-11-21",
      runs: 8,
      complete: 4,
      stopped: 2,
      interrupted: 0,
      failed: 2,
    });
    expect(rows[0]).toMatchObject({ runs: 0 });
  });

  it("have no rate where there was nothing", () => {
    expect(percent(1, 3)).toBe(33.3);
    expect(percent(0, 0)).toBeNull();
  });
});

it("first tokens are told apart by model and key, the most used first", () => {
  const row = { provider: "a", day: "2026-11-21", p50Ms: 1, p90Ms: 1, p95Ms: 1, p99Ms: 1 };
  const lines = linesOf([
    { ...row, model: "a:one", keySource: "platform", runs: 2 },
    { ...row, model: "a:one", keySource: "own", runs: 3 },
    { ...row, model: "a:one", keySource: "platform", runs: 2 },
  ]);
  expect(lines.map(({ own, runs }) => [own, runs])).toEqual([
    [false, 4],
    [true, 3],
  ]);
});

it("retention is a line for each cohort", () => {
  const table = cohorts([
    { cohort: "2026-11-16", users: 2, deleted: 0, period: 0, active: 1, share: 0.5 },
    { cohort: "2026-11-09", users: 4, deleted: 0, period: 1, active: 1, share: 0.25 },
    { cohort: "2026-11-09", users: 4, deleted: 0, period: 0, active: 3, share: 0.75 },
  ]);
  expect(table.map(({ cohort, weeks }) => [cohort, weeks.map((week) => week?.share)])).toEqual([
    ["2026-11-09", [0.75, 0.25]],
    ["2026-11-16", [0.5]],
  ]);
});
