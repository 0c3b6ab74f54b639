import { QueryCache, QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";

const signedOut = new Set<() => void>();

/** Registers what to do when any answer says that there is no session any more. Returns the way to unregister. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** To be called with every failure that did not pass through the query client, such as the chat's own requests. */
export function noteFailure(error: unknown): void {
  if (error instanceof Problem && error.code === "unauthenticated") {
    for (const listener of signedOut) {
      listener();
    }
  }
}

function mayRetry(failures: number, error: unknown): boolean {
  const passing = error instanceof Problem && (error.code === "offline" || error.status === 503);
  return passing && failures < 3;
}

function retryDelay(failures: number, error: unknown): number {
  const wanted = error instanceof Problem && error.retryAfter ? error.retryAfter * 1000 : 0;
  return Math.min(Math.max(wanted, 500 * 2 ** failures), 15_000);
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noteFailure }),
  defaultOptions: {
    queries: { retry: mayRetry, retryDelay, staleTime: 30_000, networkMode: "always" },
    mutations: { onError: noteFailure, networkMode: "always" },
  },
});
