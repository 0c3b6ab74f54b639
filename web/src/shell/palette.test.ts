import { expect, it } from "vitest";
import type { SearchHit } from "~/api/search";
import { matchScore, search, sortHits, step, whenSaid, wordsOf } from "./palette";
import { keyNames } from "./shortcuts";

it("finds what holds all words, whatever their case and accents", () => {
  expect(matchScore("café tax", "Tax return of the Cafe")).toBeDefined();
  expect(matchScore("tax boat", "Tax return")).toBeUndefined();
  expect(matchScore("", "anything")).toBe(0);
});

it("puts beginnings first and keeps the order of equals", () => {
  const titles = ["Syntax", "My tax", "Tax return", "Taxi"];
  expect(search("tax", titles, (title) => title)).toEqual(["Tax return", "Taxi", "My tax", "Syntax"]);
});

it("names keys as they are on the keyboard", () => {
  expect(keyNames("mod+shift+O", true)).toEqual(["⌘", "⇧", "O"]);
  expect(keyNames("mod+shift+O", false)).toEqual(["Ctrl", "Shift", "O"]);
});

const hit = (conversationId: string, messageId: string | null, ...matches: string[]): SearchHit => ({
  conversationId,
  messageId,
  title: "Tax",
  role: messageId === null ? null : "user",
  shown: true,
  snippet: [{ text: "the ", match: false }, ...matches.map((text) => ({ text, match: true }))],
  createdAt: "2026-05-04T10:00:00Z",
});

it("tells titles from messages and leaves out what is being deleted", () => {
  const hits = [hit("a", null), hit("b", null), hit("a", "m1"), hit("b", "m2")];
  expect(sortHits(hits, new Set(["b"]))).toEqual({ titles: [hits[0]], messages: [hits[2]] });
});

it("takes what was found out of a snippet once", () => {
  expect(wordsOf(hit("a", "m", "tax", "Return", "tax"))).toEqual(["tax", "Return"]);
});

it("says when something was said as short as possible", () => {
  const now = new Date(2026, 4, 4, 18);
  expect(whenSaid(new Date(2026, 4, 4, 9, 5).toISOString(), now)).toMatch(/^9:05\sAM$/);
  expect(whenSaid(new Date(2026, 0, 31).toISOString(), now)).toBe("Jan 31");
  expect(whenSaid(new Date(2025, 4, 4).toISOString(), now)).toBe("May 4, 2025");
});

it("goes around a list with arrows and stops at its ends with pages", () => {
  expect([step("ArrowDown", 9, 10), step("ArrowUp", 0, 10)]).toEqual([0, 9]);
  expect([step("PageDown", 7, 10), step("PageUp", 3, 10)]).toEqual([9, 0]);
  expect(step("a", 1, 10)).toBeUndefined();
});
