import { describe, expect, it } from "vitest";
import { csvOf, fileName } from "./csv";

const one = (value: unknown, type = "text") =>
  csvOf({ columns: [{ name: "c", type }], rows: [[value]] })
    .replace(/^\ufeffc\r\n/, "")
    .replace(/\r\n$/, "");

describe("a field", () => {
  it.each([
    ["plain", "plain"],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["two\nlines", '"two\nlines"'],
    [" spaces ", " spaces "],
    ["", '""'],
    ["🧠", "🧠"],
  ])("%j", (value, written) => {
    expect(one(value)).toBe(written);
  });

  it("tells nothing from an empty text", () => {
    expect(one(null)).toBe("");
    expect(one("")).toBe('""');
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])("cannot be a formula: %j", (value) => {
    expect(one(value).replace(/^"/, "")).toBe(`'${value}${value === "\rx" ? '"' : ""}`);
  });

  it("stays a number where it is one", () => {
    expect(one(-1.5, "numeric")).toBe("-1.5");
    expect(one("-12345678901234567890", "numeric")).toBe("-12345678901234567890");
  });

  it("holds documents as JSON", () => {
    expect(one({ a: "b" }, "jsonb")).toBe('"{""a"":""b""}"');
    expect(one("=1", "jsonb")).toBe('"""=1"""');
  });
});

it("a table has a mark, titles, and lines that end in CRLF", () => {
  const columns = [
    { name: "id", type: "integer" },
    { name: "=title", type: "text" },
  ];
  expect(
    csvOf({
      columns,
      rows: [
        [1, "x"],
        [2, null],
      ],
    }),
  ).toBe("\ufeffid,'=title\r\n1,x\r\n2,\r\n");
  expect(csvOf({ columns, rows: [] })).toBe("\ufeffid,'=title\r\n");
});

it("names the file after the minute", () => {
  expect(fileName(new Date(2026, 10, 2, 7, 5))).toBe("query-2026-11-02-0705.csv");
});
