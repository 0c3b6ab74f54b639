import { type ChatMessage, type ChatPart, isToolPart, toolNameOf } from "./message";

/** What the user says to a request for approval. */
export interface Decision {
  approved: boolean;
  reason?: string;
}

export type Decisions = Record<string, Decision>;

/** The server takes no longer reason, in characters. */
export const maxReason = 1000;

/** A call that waits for the user's word. */
export interface PendingApproval {
  approvalId: string;
  toolCallId: string;
  name: string;
}

function pendingId(part: ChatPart): string | undefined {
  return isToolPart(part) && part.state === "approval-requested" ? part.approval.id : undefined;
}

/** The calls of a reply that wait for an answer, in order. */
export function pendingApprovals(message: ChatMessage | undefined): PendingApproval[] {
  if (message?.role !== "assistant") {
    return [];
  }
  return message.parts.flatMap((part) => {
    const approvalId = pendingId(part);
    return approvalId !== undefined && isToolPart(part)
      ? [{ approvalId, toolCallId: part.toolCallId, name: toolNameOf(part) }]
      : [];
  });
}

/** The server takes all answers at once: whether there is one to each request, and a request at all. */
export function allDecided(message: ChatMessage | undefined, decisions: Decisions): boolean {
  const pending = pendingApprovals(message);
  return pending.length > 0 && pending.every(({ approvalId }) => decisions[approvalId] !== undefined);
}

/** The reply with the answers in it, as the chat client and the server want to see them. */
export function withDecisions(message: ChatMessage, decisions: Decisions): ChatMessage {
  return {
    ...message,
    parts: message.parts.map((part) => {
      const id = pendingId(part);
      const decision = id === undefined ? undefined : decisions[id];
      if (id === undefined || !decision || !isToolPart(part)) {
        return part;
      }
      const approval = { ...part.approval, id, approved: decision.approved, reason: decision.reason };
      return { ...part, state: "approval-responded", approval } as ChatPart;
    }),
  };
}

/** What of an answered reply has to travel: its answers. The calls themselves are in the server's database. */
export function onlyAnswers(message: ChatMessage): Pick<ChatMessage, "id" | "role" | "parts"> {
  const parts = message.parts.flatMap((part) =>
    isToolPart(part) && part.state === "approval-responded"
      ? [
          {
            type: part.type,
            toolCallId: part.toolCallId,
            state: part.state,
            approval: part.approval,
          } as ChatPart,
        ]
      : [],
  );
  return { id: message.id, role: message.role, parts };
}
