import type { ChatMessage } from "~/chat/message";
import { client, unwrap } from "./client";

export interface MessagePage {
  items: ChatMessage[];
  /** Leads to the page before; absent on the first messages of the conversation. */
  nextCursor?: string;
}

/** One page of a conversation, of 50 unless told: the newest without a cursor; in chronological order inside. */
export async function fetchMessages(
  id: string,
  { cursor, limit = 50, signal }: { cursor?: string; limit?: number; signal?: AbortSignal } = {},
): Promise<MessagePage> {
  const page = await unwrap(
    client.GET("/api/conversations/{id}/messages", {
      params: { path: { id }, query: { limit, ...(cursor ? { cursor } : {}) } },
      signal,
    }),
  );
  return { items: page.items as unknown as ChatMessage[], nextCursor: page.nextCursor || undefined };
}

/** Stops the running reply. What it has produced so far is kept. */
export async function stopReply(conversationId: string): Promise<void> {
  await unwrap(client.POST("/api/ai/{conversationId}/stop", { params: { path: { conversationId } } }));
}
