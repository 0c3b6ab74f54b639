import type { Conversation } from "~/api/types";
import { strings } from "~/strings";

export interface Group {
  title: string;
  items: Conversation[];
}

const s = strings.list;

/** Midnight, local time, so many days before today. */
function midnight(now: Date, daysAgo: number): number {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() - daysAgo).getTime();
}

/** Groups conversations by the day of their last message, local time; pinned ones first. Keeps the order inside. */
export function groupConversations(items: Conversation[], now: Date): Group[] {
  const since = [
    { title: s.today, from: midnight(now, 0) },
    { title: s.yesterday, from: midnight(now, 1) },
    { title: s.week, from: midnight(now, 7) },
    { title: s.month, from: midnight(now, 30) },
    { title: s.older, from: Number.NEGATIVE_INFINITY },
  ];
  const titleOf = (conversation: Conversation) => {
    const at = Date.parse(conversation.updatedAt);
    return conversation.pinned ? s.pinned : since.find(({ from }) => at >= from)?.title;
  };
  return [s.pinned, ...since.map(({ title }) => title)]
    .map((title) => ({ title, items: items.filter((item) => titleOf(item) === title) }))
    .filter((group) => group.items.length > 0);
}
