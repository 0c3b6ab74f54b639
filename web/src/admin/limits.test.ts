import { describe, expect, it } from "vitest";
import { formOf, limitsOf, noLimits, readDollars, readNumber, told, typedDollars } from "./limits";

describe("limits in a form", () => {
  const limits = {
    messagesPerDay: 0,
    messagesPerMonth: 1200,
    costPerDayMicroUsd: 2_500_000,
    tokensPerMinute: null,
    storageBytes: 1.5 * 1024 * 1024,
    models: ["a:one"],
  };

  it("come back as they were", () => {
    expect(formOf(limits)).toEqual({
      messagesPerDay: "0",
      messagesPerMonth: "1200",
      costPerDayMicroUsd: "2.5",
      tokensPerMinute: "",
      storageBytes: "1.5",
      models: ["a:one"],
    });
    expect(limitsOf(formOf(limits))).toEqual({ limits });
    expect(limitsOf(formOf(noLimits))).toEqual({ limits: noLimits });
  });

  it("are refused by field", () => {
    const form = formOf(noLimits);
    const wrong = limitsOf({
      ...form,
      messagesPerDay: "-1",
      messagesPerMonth: "1.5",
      costPerDayMicroUsd: "free",
      tokensPerMinute: "0",
    });
    expect(Object.keys("complaints" in wrong ? wrong.complaints : {})).toEqual([
      "messagesPerDay",
      "messagesPerMonth",
      "costPerDayMicroUsd",
      "tokensPerMinute",
    ]);
  });

  it("are read in words", () => {
    expect(told("costPerDayMicroUsd", 2_500_000)).toBe("$2.50");
    expect(told("storageBytes", 1024 * 1024 * 1024)).toBe("1.0 GB");
    expect(told("messagesPerDay", 12)).toBe("12");
    expect(told("messagesPerDay", null)).toBe("no limit");
  });
});

describe("numbers", () => {
  it("are read as people type them", () => {
    expect(readNumber("1,200")).toBe(1200);
    expect(readNumber(" 7 ")).toBe(7);
    expect(readNumber("1,2")).toBeUndefined();
    expect(readNumber("1e3")).toBeUndefined();
    expect(readNumber("")).toBeUndefined();
  });

  it("of dollars keep their micro-dollars", () => {
    for (const [text, micros] of [
      ["1.25", 1_250_000],
      ["$0.000001", 1],
      [".5", 500_000],
      ["1,000", 1_000_000_000],
    ] as const) {
      expect(readDollars(text)).toBe(micros);
    }
    expect(readDollars("1.2.3")).toBeUndefined();
    expect(typedDollars(75_000)).toBe("0.075");
    expect(typedDollars(15_000_000)).toBe("15");
  });
});
