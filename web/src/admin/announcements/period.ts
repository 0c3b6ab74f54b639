import type { Announcement } from "~/api/announcements";

/** Whether an announcement shows now, will, or did. */
export function stateOf({ startsAt, endsAt }: Announcement, now = Date.now()): "now" | "later" | "past" {
  if (endsAt !== null && Date.parse(endsAt) <= now) {
    return "past";
  }
  return Date.parse(startsAt) > now ? "later" : "now";
}

/** Those to show, worst first: without those that were dismissed, which a critical one cannot be. */
export function shown(list: readonly Announcement[], dismissed: readonly string[]): Announcement[] {
  const rank = { critical: 0, warning: 1, info: 2 };
  return list
    .filter(({ id, level }) => level === "critical" || !dismissed.includes(id))
    .sort((a, b) => rank[a.level] - rank[b.level] || a.startsAt.localeCompare(b.startsAt));
}
