import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";

/** Leaves the sign-in pages for the app, which then asks who is signed in. */
export function useFinish(returnTo: string): () => void {
  const router = useRouter();
  const cache = useQueryClient();
  return () => {
    cache.clear();
    router.history.replace(returnTo);
  };
}
