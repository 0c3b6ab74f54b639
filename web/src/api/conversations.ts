import { type InfiniteData, infiniteQueryOptions, type QueryClient } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import type { Conversation, ConversationPage, ConversationPatch } from "./types";

type Pages = InfiniteData<ConversationPage, string>;

const root = ["conversations"] as const;

/** The list, newest activity first, 40 a page. */
export function conversationsQuery(archived: boolean) {
  return infiniteQueryOptions({
    queryKey: [...root, { archived }],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        client.GET("/api/conversations", {
          params: { query: { archived, limit: 40, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page: ConversationPage) => page.nextCursor || undefined,
  });
}

export function updateConversation(id: string, patch: ConversationPatch): Promise<Conversation> {
  return unwrap(client.PATCH("/api/conversations/{id}", { params: { path: { id } }, body: patch }));
}

/** keepalive: the request is made even if the page is closed meanwhile. */
export async function deleteConversation(id: string, keepalive = false): Promise<void> {
  await unwrap(client.DELETE("/api/conversations/{id}", { params: { path: { id } }, keepalive }));
}

/** Asks the server for the lists again. */
export function refreshConversations(cache: QueryClient): Promise<void> {
  return cache.invalidateQueries({ queryKey: root });
}

/** Changes one conversation in the lists on screen before the server has answered; null removes it. */
export function patchConversationLists(
  cache: QueryClient,
  id: string,
  change: ConversationPatch | null,
): void {
  cache.setQueriesData<Pages>({ queryKey: root }, (pages) => pages && patchPages(pages, id, change));
}

export function patchPages(pages: Pages, id: string, change: ConversationPatch | null): Pages {
  const items = (page: ConversationPage) =>
    change === null
      ? page.items.filter((c) => c.id !== id)
      : page.items.map((c) => (c.id === id ? { ...c, ...change } : c));
  return { ...pages, pages: pages.pages.map((page) => ({ ...page, items: items(page) })) };
}

/** What the lists that were loaded know about a conversation. */
export function findConversation(cache: QueryClient, id: string): Conversation | undefined {
  for (const [, pages] of cache.getQueriesData<Pages>({ queryKey: root })) {
    for (const page of pages?.pages ?? []) {
      const found = page.items.find((conversation) => conversation.id === id);
      if (found) {
        return found;
      }
    }
  }
  return undefined;
}
