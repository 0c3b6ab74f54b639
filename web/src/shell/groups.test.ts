import { expect, it } from "vitest";
import type { Conversation } from "~/api/types";
import { groupConversations } from "./groups";

const at = (id: string, updatedAt: Date, pinned = false) =>
  ({ id, updatedAt: updatedAt.toISOString(), pinned }) as Conversation;

it("groups by the day of the last message, pinned first", () => {
  const now = new Date(2026, 2, 31, 9, 0);
  const groups = groupConversations(
    [
      at("now", new Date(2026, 2, 31, 0, 0)),
      at("late", new Date(2026, 2, 30, 23, 59)),
      at("sunday", new Date(2026, 2, 29, 12, 0)),
      at("pinned", new Date(2020, 0, 1), true),
      at("march", new Date(2026, 2, 2)),
      at("long ago", new Date(2025, 11, 24)),
    ],
    now,
  );
  expect(groups.map((group) => [group.title, group.items.map((item) => item.id)])).toEqual([
    ["Pinned", ["pinned"]],
    ["Today", ["now"]],
    ["Yesterday", ["late"]],
    ["Last 7 days", ["sunday"]],
    ["Last 30 days", ["march"]],
    ["Older", ["long ago"]],
  ]);
});

it("has no empty groups", () => {
  expect(groupConversations([], new Date())).toEqual([]);
});
