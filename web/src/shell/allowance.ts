import type { Usage } from "~/api/types";

/** What is left of something, where there is a limit to it. */
export interface Limited {
  kind: "day" | "month" | "cost";
  used: number;
  limit: number;
  resetsAt: string;
}

/** How much of a limit is used, from 0 to 1. */
export function share(used: number, limit: number): number {
  return limit > 0 ? Math.min(1, used / limit) : 1;
}

/** The limit that stands in the way first: of the messages the one with fewer left, of money if more of it is used. Undefined: there is none. */
export function narrowest({ day, month, cost }: Pick<Usage, "day" | "month" | "cost">): Limited | undefined {
  const messages: Limited[] = [];
  for (const [kind, { used, limit, resetsAt }] of [["day", day] as const, ["month", month] as const]) {
    if (limit !== null) {
      messages.push({ kind, used, limit, resetsAt });
    }
  }
  const least = messages.sort((a, b) => a.limit - a.used - (b.limit - b.used))[0];
  if (cost.limitMicroUsd === null) {
    return least;
  }
  const used = cost.usedMicroUsd + cost.reservedMicroUsd;
  const money: Limited = { kind: "cost", used, limit: cost.limitMicroUsd, resetsAt: cost.resetsAt };
  return least && share(least.used, least.limit) >= share(used, money.limit) ? least : money;
}
