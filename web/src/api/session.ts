import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";

/** Who is signed in. Fails with code "unauthenticated" when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/session", { signal })),
  staleTime: 5 * 60_000,
});
