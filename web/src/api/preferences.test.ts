import { describe, expect, it } from "vitest";
import { hiddenModels, shownModels, withModelShown } from "./preferences";
import type { Model } from "./types";

const models = ["a", "b", "c"].map((id) => ({ id }) as Model);

describe("the models to show", () => {
  it("are all of them until some are hidden", () => {
    expect(shownModels(models, undefined)).toEqual(models);
    expect(shownModels(models, { preferences: {} })).toEqual(models);
  });

  it("keep the chosen one", () => {
    const settings = { preferences: { hiddenModels: ["a", "b"] } };
    expect(shownModels(models, settings, "b").map(({ id }) => id)).toEqual(["b", "c"]);
  });

  it("survive preferences of another form", () => {
    expect(hiddenModels({ preferences: { hiddenModels: "a" } })).toEqual(new Set());
    expect(hiddenModels({ preferences: { hiddenModels: [1, "a"] } })).toEqual(new Set(["a"]));
  });

  it("change without touching what others remember", () => {
    const before = { preferences: { other: 1, hiddenModels: ["c"] } };
    expect(withModelShown(before, "a", false)).toEqual({ other: 1, hiddenModels: ["a", "c"] });
    expect(withModelShown(before, "c", true)).toEqual({ other: 1, hiddenModels: [] });
  });
});
