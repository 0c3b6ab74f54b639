import { knownLimits } from "~/api/session";

/** How many characters a message has more than the server takes; not positive: it fits. */
export function charactersOver(text: string): number {
  const most = knownLimits()?.messageChars ?? Number.POSITIVE_INFINITY;
  // Its length counts some characters twice, so only a long one has to be counted.
  return text.length > most ? [...text].length - most : 0;
}
