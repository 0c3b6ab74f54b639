import type { ChatMessage } from "~/chat/message";
import { client, unwrap } from "./client";
import type { MessagePage } from "./messages";

/** One version of a message. */
export interface Version {
  id: string;
  /** From 1, oldest first. */
  position: number;
  /** It is the one that is shown. */
  current: boolean;
}

/** All versions of a message, oldest first; there are at most 100. */
export async function fetchVersions(id: string, messageId: string): Promise<Version[]> {
  const page = await unwrap(
    client.GET("/api/conversations/{id}/messages/{messageId}/siblings", {
      params: { path: { id, messageId }, query: { limit: 100 } },
    }),
  );
  return page.items;
}

/** Shows another version, with what follows it. Answers the newest page of what is shown then. */
export async function selectVersion(id: string, messageId: string): Promise<MessagePage> {
  const page = await unwrap(
    client.POST("/api/conversations/{id}/messages/{messageId}/select", {
      params: { path: { id, messageId }, query: { limit: 50 } },
    }),
  );
  return { items: page.items as unknown as ChatMessage[], nextCursor: page.nextCursor || undefined };
}
