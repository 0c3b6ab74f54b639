import { expect, it } from "vitest";
import { findWords } from "./findWords";

function found(html: string, ...words: string[]): string[] {
  const root = new DOMParser().parseFromString(html, "text/html").body;
  return findWords(root, words).map(String);
}

it("finds whole words in their order, whatever their case", () => {
  expect(found("<p>Tax, <b>taxes</b> and the TAX return</p>", "tax", "Return")).toEqual([
    "Tax",
    "TAX",
    "return",
  ]);
});

it("finds nothing where there is nothing to find", () => {
  expect(found("<p>Tax</p>")).toEqual([]);
  expect(found("<p>Tax</p>", "")).toEqual([]);
  expect(found("", "tax")).toEqual([]);
});

it("takes no place from a text that is longer in lower case", () => {
  expect(found("<p>İ tax</p><p>tax</p>", "tax")).toEqual(["tax"]);
});
