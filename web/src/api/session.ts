import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { queryClient } from "./queryClient";
import type { Limits } from "./types";

/** Who is signed in. Fails with code "unauthenticated" when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/session", { signal })),
  staleTime: 5 * 60_000,
});

/** What the server lets a message hold. Undefined before it is known who is signed in: then the server judges alone. */
export function knownLimits(): Limits | undefined {
  return queryClient.getQueryData(sessionQuery.queryKey)?.limits;
}
