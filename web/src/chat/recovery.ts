import type { Problem } from "~/api/problem";

/** How it stands with a connection that was lost while a reply was read. */
export type Recovery =
  | { state: "idle" }
  /** It is tried again by itself. */
  | { state: "trying"; attempt: number }
  /** It is there again, and read from the reply's beginning. */
  | { state: "following" }
  /** It was tried often enough: the reader decides when to go on. */
  | { state: "failed"; problem: Problem };

// Seconds before each attempt: about a minute and a half together.
const pauses = [0.3, 1, 2, 4, 8, 15, 30, 30];

/** Whether a failure is one that passes: no network, a lost connection, a server that is away or busy. */
export function passes(problem: Problem): boolean {
  return (
    problem.code === "offline" || problem.code === "lost" || problem.status === 503 || problem.status === 502
  );
}

/**
 * Milliseconds to wait before the given attempt, counted from 0; undefined once there were enough. The server's own wish
 * comes first; chance spreads clients that were all cut at once.
 */
export function pauseBefore(attempt: number, problem?: Problem, chance = Math.random()): number | undefined {
  const pause = pauses[attempt];
  if (pause === undefined) {
    return undefined;
  }
  const wanted = Math.min(problem?.retryAfter ?? 0, 60);
  return Math.max(pause, wanted) * 1000 * (0.8 + 0.4 * chance);
}
