import { expect, it } from "vitest";
import { matchScore, search } from "./palette";
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
