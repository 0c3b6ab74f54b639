import { expect, it } from "vitest";
import { moved } from "./grid";

const press = (key: string, ctrlKey = false) => ({ key, ctrlKey, metaKey: false });

it.each([
  ["ArrowDown", false, { row: 6, column: 1 }],
  ["ArrowUp", false, { row: 4, column: 1 }],
  ["ArrowRight", false, { row: 5, column: 2 }],
  ["ArrowLeft", false, { row: 5, column: 0 }],
  ["ArrowDown", true, { row: 99, column: 1 }],
  ["ArrowRight", true, { row: 5, column: 2 }],
  ["PageDown", false, { row: 15, column: 1 }],
  ["PageUp", false, { row: 0, column: 1 }],
  ["Home", false, { row: 5, column: 0 }],
  ["End", true, { row: 99, column: 2 }],
  ["x", false, undefined],
])("%s (far: %s) leads to %j", (key, far, place) => {
  expect(moved({ row: 5, column: 1 }, press(key, far), 100, 3, 10)).toEqual(place);
});

it("stays within", () => {
  expect(moved({ row: 0, column: 0 }, press("ArrowUp"), 1, 1, 10)).toEqual({ row: 0, column: 0 });
});
