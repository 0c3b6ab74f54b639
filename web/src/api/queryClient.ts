import { QueryCache, QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";

/** What a session lacks: all of it, or its second factor. */
export type Lack = "unauthenticated" | "second_factor_required";

const signedOut = new Set<(lack: Lack) => void>();

/** Whether an answer says that the session is gone or incomplete. */
export function lackOf(error: unknown): Lack | undefined {
  const code = error instanceof Problem ? error.code : undefined;
  return code === "unauthenticated" || code === "second_factor_required" ? code : undefined;
}

/** Registers what to do when any answer says that the session does not do any more. Returns the way to unregister. */
export function onSignedOut(listener: (lack: Lack) => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** To be called with every failure that did not pass through the query client, such as the chat's own requests. */
export function noteFailure(error: unknown): void {
  const lack = lackOf(error);
  if (lack) {
    for (const listener of signedOut) {
      listener(lack);
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
