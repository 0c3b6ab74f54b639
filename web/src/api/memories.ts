import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import type { components } from "./schema";

/** A note that models get to know. */
export type Memory = components["schemas"]["Memory"];
export type MemoryList = components["schemas"]["MemoryList"];

/** All notes, newest first. Models change them, too: whoever looks gets them anew. */
export const memoriesQuery = queryOptions({
  queryKey: ["memories"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/memories", { signal })),
  staleTime: 0,
});

/** Writes a note; where there is one that says the same, it is that one. */
export function addMemory(content: string): Promise<Memory> {
  return unwrap(client.POST("/api/memories", { body: { content } }));
}

export function changeMemory(id: string, content: string): Promise<Memory> {
  return unwrap(client.PATCH("/api/memories/{id}", { params: { path: { id } }, body: { content } }));
}

export async function deleteMemory(id: string): Promise<void> {
  await unwrap(client.DELETE("/api/memories/{id}", { params: { path: { id } } }));
}

export async function deleteMemories(): Promise<void> {
  await unwrap(client.DELETE("/api/memories"));
}

/** Changes the notes that are shown, before the server is asked for them again. */
export function showMemories(cache: QueryClient, change: (items: Memory[]) => Memory[]): void {
  cache.setQueryData(memoriesQuery.queryKey, (list) => list && { ...list, items: change(list.items) });
}
