import { describe, expect, it } from "vitest";
import { folded, isNumeric, kindOf, spreadOut, textOf, widths } from "./values";

describe("a value", () => {
  it.each([
    [null, "text", "null", ""],
    [null, "jsonb", "null", ""],
    ["", "text", "empty", ""],
    [0, "integer", "number", "0"],
    ["9007199254740993", "bigint", "number", "9007199254740993"],
    ["NaN", "double precision", "number", "NaN"],
    [false, "boolean", "boolean", "false"],
    [{ a: [1, null] }, "jsonb", "json", '{"a":[1,null]}'],
    ["", "jsonb", "json", '""'],
    [{ bytes: 1536 }, "bytea", "bytes", "2 KB"],
    ["2026-11-22T00:00:00Z", "timestamp with time zone", "text", "2026-11-22T00:00:00Z"],
  ])("%j of type %s", (value, type, kind, text) => {
    expect(kindOf(value, type)).toBe(kind);
    expect(textOf(value, type)).toBe(text);
  });

  it("is folded to a line", () => {
    expect(folded("short")).toEqual({ line: "short", more: false });
    expect(folded("two\n  lines")).toEqual({ line: "two ⏎ lines", more: true });
    const long = folded("🧠".repeat(500));
    expect(long.more).toBe(true);
    expect(long.line).toMatch(/^(🧠)+…$/u);
  });

  it("is spread out where it is a document", () => {
    expect(spreadOut([{ type: "text" }], "jsonb")).toBe('[\n  {\n    "type": "text"\n  }\n]');
  });
});

it("numbers are told by their types", () => {
  expect(["bigint", "numeric(10,2)", "character varying(64)", "int4range"].map(isNumeric)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it("columns are as wide as they need to be, within limits", () => {
  const columns = [
    { name: "n", type: "integer" },
    { name: "text", type: "text" },
  ];
  expect(widths(columns, [[1, "x".repeat(1000)]])).toEqual([6, 42]);
});
