import { describe, expect, it } from "vitest";
import { hostOf, isOwnImage, safeLink } from "./url";

describe("a link", () => {
  it.each(["https://example.com/x", "http://example.com", "mailto:a@example.com", "/c/1"])(
    "may lead to %s",
    (href) => {
      expect(safeLink(href)).toBe(href);
    },
  );

  it.each([
    undefined,
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc",
  ])("may not lead to %s", (href) => {
    expect(safeLink(href)).toBeUndefined();
  });
});

it("only pictures of our own are shown", () => {
  expect(isOwnImage("data:image/png;base64,AAAA")).toBe(true);
  expect(isOwnImage("/files/1")).toBe(true);
  expect(isOwnImage("https://example.com/cat.png")).toBe(false);
  expect(isOwnImage("//example.com/cat.png")).toBe(false);
  expect(isOwnImage("data:text/html,x")).toBe(false);
});

it("names hosts", () => {
  expect(hostOf("https://www.example.com/x")).toBe("example.com");
});
