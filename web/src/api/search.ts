import { infiniteQueryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { Problem } from "./problem";
import type { components } from "./schema";

export type SearchHit = components["schemas"]["SearchHit"];
export type SearchPage = components["schemas"]["SearchPage"];

/** The most characters that a query may have. */
export const longestQuery = 200;

// While the server indexes what is old, it is asked again this often, in milliseconds.
const whileIndexing = 2500;

/** Whether there is anything in a query to look for: the server wants a letter or a digit. */
export const isSearchable = (query: string): boolean => /[\p{L}\p{Nd}]/u.test(query);

/** Titles and messages that hold words, 20 a page. What was found stays in memory for a minute. */
export function searchQuery(query: string) {
  return infiniteQueryOptions({
    queryKey: ["search", query],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        client.GET("/api/search", {
          params: { query: { q: query, limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page: SearchPage) => page.nextCursor || undefined,
    enabled: isSearchable(query),
    staleTime: 10_000,
    gcTime: 60_000,
    // Whoever types wants to know at once that there is no connection.
    retry: (failures, error) => error instanceof Problem && error.status === 503 && failures < 2,
    refetchInterval: ({ state: { data } }) =>
      data?.pages.length === 1 && data.pages[0]?.indexing ? whileIndexing : false,
  });
}
