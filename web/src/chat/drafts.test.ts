import { beforeEach, describe, expect, it } from "vitest";
import { queryClient } from "~/api/queryClient";
import { sessionQuery } from "~/api/session";
import type { Session } from "~/api/types";
import {
  clearDraft,
  type DraftFile,
  fleetingDraft,
  forgetDrafts,
  forgetFleeting,
  getDraft,
  moveDraft,
  restoreDraft,
  setDraft,
} from "./drafts";

const file = (id: string): DraftFile => ({ id, name: `${id}.png`, mediaType: "image/png", size: 1, url: id });

function signIn(id: string): void {
  queryClient.setQueryData(sessionQuery.queryKey, { user: { id } } as Session);
}

beforeEach(() => {
  forgetDrafts();
  signIn("ann");
});

describe("a draft", () => {
  it("outlives a reload and disappears when it is sent", () => {
    expect(getDraft("c1")).toEqual({ text: "", files: [] });
    setDraft("c1", { text: "half a thought" });
    setDraft("c1", { files: [file("f")] });
    expect(getDraft("c1")).toEqual({ text: "half a thought", files: [file("f")] });
    expect(JSON.parse(localStorage.getItem("draft:ann:c1") ?? "")).toEqual(getDraft("c1"));
    clearDraft("c1");
    expect(localStorage.getItem("draft:ann:c1")).toBeNull();
  });

  it("belongs to one user of this browser", () => {
    setDraft("c1", { text: "Ann's" });
    signIn("bob");
    expect(getDraft("c1").text).toBe("");
    signIn("ann");
    expect(getDraft("c1").text).toBe("Ann's");
  });

  it("is gone after signing out", () => {
    setDraft("c1", { text: "secret" });
    forgetDrafts();
    expect(Object.keys(localStorage)).toEqual([]);
    expect(getDraft("c1").text).toBe("");
  });

  it("that comes back does not replace what was typed meanwhile", () => {
    setDraft("c1", { text: "new", files: [file("b")] });
    restoreDraft("c1", { text: "old", files: [file("a"), file("b")] });
    expect(getDraft("c1")).toEqual({ text: "old\n\nnew", files: [file("a"), file("b")] });
    restoreDraft("c2", { text: "only", files: [] });
    expect(getDraft("c2").text).toBe("only");
  });

  it("of a temporary chat is never stored, and goes to storage only with what it is moved to", () => {
    const key = fleetingDraft("t1");
    setDraft("new", { text: "half a thought" });
    moveDraft("new", key);
    expect(getDraft(key).text).toBe("half a thought");
    expect(Object.keys(localStorage)).toEqual([]);
    moveDraft(key, "new");
    expect(getDraft("new").text).toBe("half a thought");
    setDraft(key, { text: "secret" });
    forgetFleeting();
    expect([getDraft(key).text, getDraft("new").text]).toEqual(["", "half a thought"]);
  });
});
