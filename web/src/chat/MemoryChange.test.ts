import { expect, test } from "vitest";
import { memoryChange } from "./MemoryChange";

test("what a call of the memory tool asks for is read, whatever a model made of it", () => {
  expect(memoryChange({ remember: "a" })).toEqual({ remember: "a", forget: undefined });
  expect(memoryChange({ forget: "b", remember: "" })).toEqual({ remember: undefined, forget: "b" });
  expect(memoryChange({ forget: "b", remember: "a", other: 1 })).toEqual({ remember: "a", forget: "b" });
  for (const input of [undefined, null, "a", 7, [], {}, { remember: 1 }, { remember: "", forget: null }]) {
    expect(memoryChange(input)).toBeUndefined();
  }
});
