import { expect, it } from "vitest";
import { getDraft, setDraft } from "./drafts";

it("a draft outlives a reload and disappears when it is sent", () => {
  expect(getDraft("c1")).toBe("");
  setDraft("c1", "half a thought");
  expect(getDraft("c1")).toBe("half a thought");
  expect(sessionStorage.getItem("draft:c1")).toBe("half a thought");
  setDraft("c1", "");
  expect(sessionStorage.getItem("draft:c1")).toBeNull();
});
