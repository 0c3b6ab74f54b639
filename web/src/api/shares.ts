import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import type { components } from "./schema";

export type Share = components["schemas"]["Share"];
export type Shared = components["schemas"]["Shared"];
export type SharedMessage = components["schemas"]["SharedMessage"];
export type SharedPart = components["schemas"]["SharedPart"];

/** What the caller shares, newest first. */
export const sharesQuery = queryOptions({
  queryKey: ["shares"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/shares", { signal })),
  select: (list) => list.items,
  // Deleting a conversation ends its links.
  staleTime: 0,
});

/** Copies a conversation as it is now, for whoever has the link, until it expires. */
export function shareConversation(id: string, expiresInDays: number): Promise<Share> {
  return unwrap(
    client.POST("/api/conversations/{id}/share", { params: { path: { id } }, body: { expiresInDays } }),
  );
}

export async function revokeShare(id: string): Promise<void> {
  await unwrap(client.DELETE("/api/shares/{id}", { params: { path: { id } } }));
}

export function refreshShares(cache: QueryClient): Promise<void> {
  return cache.invalidateQueries({ queryKey: sharesQuery.queryKey });
}

/** What was shared under a link. It needs no session; Problem "not_found": there is nothing, or no longer. */
export const sharedQuery = (id: string) =>
  queryOptions({
    queryKey: ["shared", id],
    queryFn: ({ signal }) => unwrap(client.GET("/api/shared/{id}", { params: { path: { id } }, signal })),
    // The copy is frozen; it can only be gone.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
