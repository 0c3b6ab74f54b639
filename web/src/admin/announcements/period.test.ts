import { expect, it } from "vitest";
import type { Announcement } from "~/api/announcements";
import { shown, stateOf } from "./period";

const one = (more: Partial<Announcement>): Announcement => ({
  id: "1",
  level: "info",
  text: "…",
  startsAt: "2026-11-22T10:00:00Z",
  endsAt: null,
  ...more,
});

it("announcements show from their beginning until their end", () => {
  const at = (time: string) => Date.parse(`2026-11-22T${time}Z`);
  const short = one({ endsAt: "2026-11-22T11:00:00Z" });
  expect(stateOf(short, at("09:59:59"))).toBe("later");
  expect(stateOf(short, at("10:00:00"))).toBe("now");
  expect(stateOf(short, at("11:00:00"))).toBe("past");
  expect(stateOf(one({}), at("23:00:00"))).toBe("now");
});

it("a critical one comes first, and cannot be dismissed", () => {
  const list = [one({ id: "a" }), one({ id: "b", level: "warning" }), one({ id: "c", level: "critical" })];
  expect(shown(list, []).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  expect(shown(list, ["a", "b", "c"]).map(({ id }) => id)).toEqual(["c"]);
});
