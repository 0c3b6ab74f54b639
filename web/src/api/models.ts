import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";

/** The models this server knows, with the reason for each that cannot be used. */
export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/models", { signal })),
  select: (list) => list.items,
  staleTime: 5 * 60_000,
});
