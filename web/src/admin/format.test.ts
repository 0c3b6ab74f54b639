import { expect, it } from "vitest";
import { fromField, toField } from "./format";

it("moments pass through a field unchanged, to the minute", () => {
  expect(fromField(toField("2026-11-22T17:05:00.000Z"))).toBe("2026-11-22T17:05:00.000Z");
  expect(fromField("")).toBeNull();
  expect(toField(null)).toBe("");
});
