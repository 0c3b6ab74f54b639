import { notifications } from "@mantine/notifications";
import { createContext, use } from "react";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { strings } from "~/strings";
import type { Decision, Decisions } from "./approvals";
import type { ChatMessage } from "./message";
import type { ModelChoice, Thread } from "./thread";

/** What can be done from within a message. */
export interface Actions {
  thread: Thread;
  regenerate: (messageId?: string) => void;
  edit: (message: ChatMessage, text: string) => void;
  /** Asks an interrupted model to go on. */
  goOn: () => void;
  /** Shows the version so many places later. */
  flip: (message: ChatMessage, by: number) => Promise<void>;
  decide: (approvalId: string, decision: Decision | undefined) => void;
  decideAll: (decisions: Decisions) => void;
  /** Sends answers again that the server did not take. */
  submitDecisions: () => void;
}

export const ActionsContext = createContext<Actions | undefined>(undefined);

export function useActions(): Actions {
  const actions = use(ActionsContext);
  if (!actions) {
    throw new Error("There are actions only inside of a conversation.");
  }
  return actions;
}

export function makeActions(thread: Thread, choice: () => ModelChoice): Actions {
  return {
    thread,
    regenerate: (messageId) => void thread.regenerate(choice(), messageId),
    edit: (message, text) => void thread.edit(message, text, choice()),
    goOn: () => void thread.send({ text: strings.chat.continuePrompt, files: [] }, choice()),
    flip: async (message, by) => {
      try {
        await thread.flip(message, by);
      } catch (error) {
        noteFailure(error);
        const text = error instanceof Problem ? error.detail || error.title : undefined;
        notifications.show({ color: "red", title: strings.chat.branch.failed, message: text });
      }
    },
    decide: (approvalId, decision) => void thread.decide(approvalId, decision, choice()),
    decideAll: (decisions) => void thread.decideAll(decisions, choice()),
    submitDecisions: () => void thread.submitDecisions(choice()),
  };
}
