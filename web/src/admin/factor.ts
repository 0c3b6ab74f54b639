import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { Problem } from "~/api/problem";

const stale = new Set<() => void>();

/** Whether an answer says that the second factor was given too long ago. */
function isStale(error: unknown): boolean {
  return error instanceof Problem && error.code === "reauthentication_required";
}

/** To be called with failures that did not pass through the query client: asks for the second factor again if that is why. */
export function noteStale(error: unknown): void {
  if (isStale(error)) {
    for (const listener of stale) {
      listener();
    }
  }
}

/** While it is shown: where the second factor was given too long ago, it is asked for again, and this page comes after it. */
export function useFreshFactor(): void {
  const router = useRouter();
  const cache = useQueryClient();
  useEffect(() => {
    const ask = () => {
      const { pathname, href } = router.state.location;
      if (pathname.startsWith("/admin")) {
        void router.navigate({
          to: "/auth/login",
          search: { aal: "aal2", refresh: true, return_to: href },
        });
      }
    };
    const note = (event: { type: string; action?: { type: string; error?: unknown } }) => {
      if (event.type === "updated" && event.action?.type === "error" && isStale(event.action.error)) {
        ask();
      }
    };
    stale.add(ask);
    const leave = [cache.getQueryCache().subscribe(note), cache.getMutationCache().subscribe(note)];
    return () => {
      stale.delete(ask);
      for (const each of leave) {
        each();
      }
    };
  }, [router, cache]);
}
