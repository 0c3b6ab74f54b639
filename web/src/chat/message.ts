import type { UIMessage } from "ai";

/** What the server says about a reply, from its first chunk on; the status comes with its end. */
export interface MessageMetadata {
  createdAt?: string;
  model?: string;
  reasoningEffort?: string;
  runId?: string;
  status?: "complete" | "aborted" | "interrupted" | "failed";
  finishReason?: string;
  errorCode?: string;
}

export type ChatMessage = UIMessage<MessageMetadata>;
export type ChatPart = ChatMessage["parts"][number];

/** The text of a message without reasoning, tools and the rest. */
export function textOf(message: ChatMessage): string {
  return message.parts
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("\n\n");
}

/**
 * Brings what is on screen up to date with the newest page of the server. Older pages stay where they connect to it;
 * a page that does not connect replaces everything.
 */
export function mergeNewest(
  shown: ChatMessage[],
  newest: ChatMessage[],
): { messages: ChatMessage[]; connected: boolean } {
  const first = newest[0];
  const at = first ? shown.findIndex((message) => message.id === first.id) : -1;
  if (at < 0) {
    return { messages: newest, connected: false };
  }
  const same = newest.length === shown.length - at && newest.every((m, i) => m.id === shown[at + i]?.id);
  return { messages: same ? shown : [...shown.slice(0, at), ...newest], connected: true };
}
