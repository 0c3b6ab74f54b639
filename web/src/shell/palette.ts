import type { SearchHit } from "~/api/search";

/** How well words fit a text: undefined if not all of them occur, else a number that is lower the better. */
export function matchScore(query: string, text: string): number | undefined {
  const words = normalize(query).split(/\s+/).filter(Boolean);
  const where = normalize(text);
  let score = 0;
  for (const word of words) {
    const at = where.indexOf(word);
    if (at < 0) {
      return undefined;
    }
    // The beginning is best, then the beginning of a word.
    score += at === 0 ? 0 : /\s/.test(where[at - 1] ?? "") ? 1 : 2;
  }
  return score;
}

/** The entries that fit, best first; equal ones in their order. */
export function search<T>(query: string, entries: readonly T[], textOf: (entry: T) => string): T[] {
  return entries
    .map((entry) => ({ entry, score: matchScore(query, textOf(entry)) }))
    .filter((found): found is { entry: T; score: number } => found.score !== undefined)
    .sort((a, b) => a.score - b.score)
    .map(({ entry }) => entry);
}

function normalize(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase();
}

/** What a server's hits are: conversations by their titles, and messages. Those of conversations that are not to be shown are left out. */
export function sortHits(hits: readonly SearchHit[], hidden: ReadonlySet<string>) {
  const shown = hits.filter(({ conversationId }) => !hidden.has(conversationId));
  return {
    titles: shown.filter(({ messageId }) => messageId === null),
    messages: shown.filter(({ messageId }) => messageId !== null),
  };
}

/** What was found in a message, each once. */
export function wordsOf(hit: SearchHit): string[] {
  return [...new Set(hit.snippet.filter(({ match }) => match).map(({ text }) => text))];
}

/** When something was said, as short as it can be told apart: the time today, the day this year, else the date. */
export function whenSaid(when: string, now = new Date()): string {
  const date = new Date(when);
  const thisYear = date.getFullYear() === now.getFullYear();
  if (thisYear && date.getMonth() === now.getMonth() && date.getDate() === now.getDate()) {
    return date.toLocaleTimeString("en", { hour: "numeric", minute: "2-digit" });
  }
  return date.toLocaleDateString("en", {
    month: "short",
    day: "numeric",
    ...(thisYear ? {} : { year: "numeric" }),
  });
}

/** The place in a list of so many that a key leads to from another; undefined: the key is no such key. */
export function step(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
      return (from + 1) % count;
    case "ArrowUp":
      return (from - 1 + count) % count;
    case "PageDown":
      return Math.min(from + 5, count - 1);
    case "PageUp":
      return Math.max(from - 5, 0);
    default:
      return undefined;
  }
}
