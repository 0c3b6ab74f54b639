import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";

/** What of the day's and the month's allowance is used. */
export const usageQuery = queryOptions({
  queryKey: ["usage"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/usage", { signal })),
});
