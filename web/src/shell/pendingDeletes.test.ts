import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deletedIds, deleteLater, deleteNow, showAgain, undoDelete, undoTime } from "./pendingDeletes";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  deleteNow();
  deletedIds.set(new Set());
  vi.useRealTimers();
});

describe("a deletion", () => {
  it("is shown at once and done later", () => {
    const commit = vi.fn();
    deleteLater("c1", commit);
    expect(deletedIds.get()).toEqual(new Set(["c1"]));
    vi.advanceTimersByTime(undoTime - 1);
    expect(commit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(commit).toHaveBeenCalledExactlyOnceWith(false);
  });

  it("can be taken back, once", () => {
    const commit = vi.fn();
    deleteLater("c1", commit);
    expect(undoDelete("c1")).toBe(true);
    expect(deletedIds.get().size).toBe(0);
    vi.advanceTimersByTime(undoTime);
    expect(commit).not.toHaveBeenCalled();
    expect(undoDelete("c1")).toBe(false);
  });

  it("is too late to take back once it is done, and stays hidden until the list is new", () => {
    deleteLater("c1", () => {});
    vi.advanceTimersByTime(undoTime);
    expect(undoDelete("c1")).toBe(false);
    expect(deletedIds.get().has("c1")).toBe(true);
    showAgain("c1");
    expect(deletedIds.get().has("c1")).toBe(false);
  });

  it("is done when the page is left", () => {
    const commit = vi.fn();
    deleteLater("c1", commit);
    deleteLater("c2", commit);
    window.dispatchEvent(new Event("pagehide"));
    expect(commit.mock.calls).toEqual([[true], [true]]);
    vi.advanceTimersByTime(undoTime);
    expect(commit).toHaveBeenCalledTimes(2);
  });
});
