import { expect, it } from "vitest";
import { ago, money, short, shortDay } from "./format";

it.each([
  ["2026-11-22T11:59:40Z", "just now"],
  ["2026-11-22T11:55:00Z", "5 minutes ago"],
  ["2026-11-22T09:00:00Z", "3 hours ago"],
  ["2026-11-21T11:00:00Z", "yesterday"],
  ["2026-09-20T12:00:00Z", "2 months ago"],
])("%s was %s", (when, words) => {
  expect(ago(when, Date.parse("2026-11-22T12:00:00Z"))).toBe(words);
});

it.each([
  [0, "$0.00"],
  [12, "$0.00001"],
  [4_210, "$0.00421"],
  [21_500, "$0.022"],
  [1_234_567, "$1.23"],
  [1_234_567_000, "$1,234.57"],
])("%i micro-dollars are %s", (micros, amount) => {
  expect(money(micros)).toBe(amount);
});

it("shortens long numbers and names days in UTC", () => {
  expect([short(9_999), short(12_345), short(1_050_000)]).toEqual(["9,999", "12.3K", "1.1M"]);
  expect(shortDay("2026-11-01")).toBe("Nov 1");
});
