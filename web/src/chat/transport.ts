import { DefaultChatTransport } from "ai";
import { onlyAnswers } from "./approvals";
import type { ChatMessage } from "./message";
import { type Watch, watch } from "./watch";

interface Hooks {
  /** A stream has begun to come. */
  opened: (watch: Watch) => void;
  /** The server took what was sent. */
  accepted: () => void;
  /** Whether a stream that is taken up goes on with the newest message instead of beginning one. */
  continues: () => boolean;
  /** The conversation is temporary: said with each message, so that none can begin another kind of conversation. */
  temporary: boolean;
}

/** How the chat client speaks to the server: only what is new is sent, and a connection that breaks is an error. */
export function transport(hooks: Hooks): DefaultChatTransport<ChatMessage> {
  const made = new DefaultChatTransport<ChatMessage>({
    api: "/api/ai",
    credentials: "same-origin",
    // The history is the server's.
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
      body: {
        ...body,
        id,
        messages: trigger === "submit-message" ? messages.slice(-1).map(outgoing) : [],
        trigger,
        messageId,
        ...(hooks.temporary ? { temporary: true } : {}),
      },
    }),
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (!response.ok || response.status === 204) {
        return response;
      }
      if (init?.method === "POST") {
        hooks.accepted();
      }
      const watched = watch(response);
      hooks.opened(watched);
      return watched.response;
    },
  });
  // A reply is replayed whole, and would replace the message it goes on with.
  Object.defineProperty(made, "resumeStreamIsReplay", { get: () => !hooks.continues() });
  return made;
}

function outgoing(message: ChatMessage): Pick<ChatMessage, "id" | "role" | "parts"> {
  if (message.role === "assistant") {
    return onlyAnswers(message);
  }
  const { id, role, parts } = message;
  return { id, role, parts };
}
