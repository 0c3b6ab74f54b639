import { describe, expect, it } from "vitest";
import type { Model } from "~/api/types";
import { currentModel } from "./currentModel";

const model = (id: string, more: Partial<Model> = {}) =>
  ({ id, available: true, default: false, ...more }) as Model;

describe("the model that answers", () => {
  const models = [model("a"), model("b", { default: true }), model("c", { available: false })];

  it("is the chosen one", () => {
    expect(currentModel(models, "a")?.id).toBe("a");
  });

  it("is the server's choice where none was made or the chosen one is gone", () => {
    expect(currentModel(models, null)?.id).toBe("b");
    expect(currentModel(models, "c")?.id).toBe("b");
    expect(currentModel(models, "gone")?.id).toBe("b");
  });

  it("is none where none can be used", () => {
    expect(currentModel([model("c", { available: false })], "c")).toBeUndefined();
    expect(currentModel(undefined, null)).toBeUndefined();
  });
});
