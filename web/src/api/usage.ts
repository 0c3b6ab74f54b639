import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";

/** What of the day's and the month's allowance is used. */
export const usageQuery = queryOptions({
  queryKey: ["usage"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/usage", { signal })),
});

/** The same, with what was used in the last so many UTC days, today included. */
export function usageHistoryQuery(days: number) {
  return queryOptions({
    queryKey: ["usage", days],
    queryFn: ({ signal }) => unwrap(client.GET("/api/usage", { params: { query: { days } }, signal })),
  });
}
