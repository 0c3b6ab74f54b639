import { describe, expect, it } from "vitest";
import { indexOf, lineAndColumn, rangeAt } from "./position";

describe("the index of a character", () => {
  it.each([
    ["SELECT x", 8, 7],
    ["SELECT x", 1, 0],
    ["SELECT x", 99, 8],
    ["SELECT '😀', x", 13, 13],
    ["SELECT '😀😀', x", 14, 15],
    ["SELECT 'é', x", 12, 11],
    ["", 1, 0],
  ])("in %j, number %d", (text, position, index) => {
    expect(indexOf(text, position)).toBe(index);
  });
});

describe("what is marked", () => {
  const marked = (text: string, position: number) => {
    const { from, to } = rangeAt(text, position);
    return text.slice(from, to);
  };
  it.each([
    ["SELECT titel FROM conversations", 8, "titel"],
    ["SELECT '🧠', titel FROM conversations", 13, "titel"],
    ['SELECT "no such" FROM x', 8, '"no such"'],
    ["SELECT 'x'::int", 8, "'x'"],
    ["SELECT 1; DROP TABLE messages", 9, ";"],
    ["SELECT größe", 8, "größe"],
    ["SELECT * FROM", 14, "M"],
    ["SELECT * FROM  \n", 15, "M"],
    ["SELECT 🧠🧠", 8, "🧠"],
    ["", 1, ""],
  ])("in %j at %d", (text, position, what) => {
    expect(marked(text, position)).toBe(what);
  });
});

it("tells lines and columns", () => {
  const text = "SELECT 1,\n  '🧠' x,\n  y";
  expect(lineAndColumn(text, text.indexOf("1"))).toEqual({ line: 1, column: 8 });
  expect(lineAndColumn(text, text.indexOf("x"))).toEqual({ line: 2, column: 7 });
  expect(lineAndColumn(text, text.indexOf("y"))).toEqual({ line: 3, column: 3 });
});
