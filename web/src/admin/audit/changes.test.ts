import { expect, it } from "vitest";
import { changesOf } from "./changes";

it("a change is told column by column, without those that were and are nothing", () => {
  expect(changesOf(null)).toEqual([]);
  expect(
    changesOf({
      before: { messages_per_day: "10", models: null },
      after: { messages_per_day: "0", models: null, name: "Small", is_default: true },
    }),
  ).toEqual([
    { name: "messages_per_day", before: "10", after: "0" },
    { name: "name", before: undefined, after: "Small" },
    { name: "is_default", before: undefined, after: "true" },
  ]);
  expect(changesOf({ before: { id: "a" }, after: null })).toEqual([
    { name: "id", before: "a", after: undefined },
  ]);
});
