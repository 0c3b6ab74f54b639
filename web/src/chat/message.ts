import type { DynamicToolUIPart, FileUIPart, ToolUIPart, UIMessage } from "ai";

/** A limit that is nearly reached: messages or micro-dollars. */
export interface Warning {
  code: "quota_day" | "quota_month" | "quota_cost";
  used: number;
  limit: number;
  resetsAt: string;
}

/** What the server says about a message; of a reply from its first chunk on, the status with its end. */
export interface MessageMetadata {
  createdAt?: string;
  model?: string;
  reasoningEffort?: string;
  runId?: string;
  status?: "complete" | "aborted" | "interrupted" | "failed";
  finishReason?: string;
  errorCode?: string;
  /** Sentences about tools that were not available. */
  notices?: string[];
  /** Limits of which the message took the last fifth. */
  warnings?: Warning[];
  /** Its place among the versions of this message, from 1; absent where there is one. */
  branch?: { position: number; count: number };
}

export type ChatMessage = UIMessage<MessageMetadata>;
export type ChatPart = ChatMessage["parts"][number];

export type ToolPart = ToolUIPart | DynamicToolUIPart;

// The SDK has these two as well. Without them, messages are shown without loading it.
/** Whether a part is a call of a tool. */
export function isToolPart(part: ChatPart): part is ToolPart {
  return part.type === "dynamic-tool" || part.type.startsWith("tool-");
}

/** The name of the tool that a part calls. */
export function toolNameOf(part: ToolPart): string {
  return part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
}

/** The text of a message without reasoning, tools and the rest. */
export function textOf(message: ChatMessage): string {
  return message.parts
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("\n\n");
}

/** The files of a message. */
export function filesOf(message: ChatMessage): FileUIPart[] {
  return message.parts.filter((part) => part.type === "file");
}

/** How much there is of a message, to tell a replay that has caught up from one that has not. */
export function weightOf(message: ChatMessage | undefined): number {
  let weight = 0;
  for (const part of message?.parts ?? []) {
    weight += part.type === "text" || part.type === "reasoning" ? part.text.length : 1;
  }
  return weight;
}

/**
 * Brings what is on screen up to date with the newest page of the server. Older pages stay where they connect to it;
 * a page that does not connect replaces everything. What did not change keeps its identity, so it is not drawn anew.
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
  const merged = newest.map((message, i) => {
    const old = shown[at + i];
    return old?.id === message.id && sameMessage(old, message) ? old : message;
  });
  const same = shown.length === at + merged.length && merged.every((m, i) => m === shown[at + i]);
  return { messages: same ? shown : [...shown.slice(0, at), ...merged], connected: true };
}

function sameMessage(a: ChatMessage, b: ChatMessage): boolean {
  return a === b || JSON.stringify([a.parts, a.metadata]) === JSON.stringify([b.parts, b.metadata]);
}
