import { describe, expect, it } from "vitest";
import { delimitMath } from "./math";

describe("formulas", () => {
  it.each([
    ["a \\(x^2\\) b", "a $x^2$ b"],
    ["\\[ E = mc^2 \\]", "$$\nE = mc^2\n$$"],
    ["\\[ \\frac{1", "$$\n\\frac{1\n$$"],
    ["\\[citation needed\\]", "\\[citation needed\\]"],
    ["with $n$ items and $\\log_2 n$ steps", "with $n$ items and $\\log_2 n$ steps"],
    ["$$\nx\n$$", "$$\nx\n$$"],
    ["$$\nunfinished", "$$\nunfinished"],
  ])("%j becomes %j", (text, expected) => {
    expect(delimitMath(text)).toBe(expected);
  });

  it.each([
    ["$5 and $10", "\\$5 and \\$10"],
    ["it costs $5", "it costs \\$5"],
    ["a $ b $ c", "a \\$ b \\$ c"],
    ["already \\$5", "already \\$5"],
  ])("money is none: %j becomes %j", (text, expected) => {
    expect(delimitMath(text)).toBe(expected);
  });

  it.each([
    "`echo $HOME $PATH`",
    "```sh\necho $HOME $x\n```",
    "```sh\necho $HOME $x",
    "~~~\n\\(x\\)\n~~~",
    "no maths here",
  ])("code stays as it is: %j", (text) => {
    expect(delimitMath(text)).toBe(text);
  });

  it("stand beside code", () => {
    expect(delimitMath("`$a$` and \\(b\\)\n\n```\n$c$\n```\n\n\\(d\\)")).toBe(
      "`$a$` and $b$\n\n```\n$c$\n```\n\n$d$",
    );
  });
});
