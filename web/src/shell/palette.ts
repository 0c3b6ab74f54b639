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
