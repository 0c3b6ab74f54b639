import { beforeEach, expect, it } from "vitest";
import { draftOf, forgetHistory, historyOf, keepDraft, remember } from "./history";

beforeEach(() => sessionStorage.clear());

it("remembers the last queries of each user, once each", () => {
  remember("a", "SELECT 1");
  remember("a", " SELECT 2\n");
  expect(remember("a", "SELECT 1")).toEqual(["SELECT 1", "SELECT 2"]);
  expect(historyOf("a")).toEqual(["SELECT 1", "SELECT 2"]);
  expect(historyOf("b")).toEqual([]);
  forgetHistory("a");
  expect(historyOf("a")).toEqual([]);
});

it("remembers so many and no endless ones", () => {
  for (let i = 0; i < 30; i++) {
    remember("a", `SELECT ${i}`);
  }
  remember("a", "x".repeat(30_000));
  remember("a", "  ");
  expect(historyOf("a")).toHaveLength(20);
  expect(historyOf("a")[0]).toBe("SELECT 29");
});

it("keeps what is being written", () => {
  expect(draftOf("a")).toBeUndefined();
  keepDraft("a", "");
  expect(draftOf("a")).toBe("");
  expect(draftOf("b")).toBeUndefined();
});

it("bears what is no list", () => {
  sessionStorage.setItem("sql-history:a", "{");
  expect(historyOf("a")).toEqual([]);
});
