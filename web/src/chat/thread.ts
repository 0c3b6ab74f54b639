import { Chat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { refreshConversations } from "~/api/conversations";
import { fetchMessages, type MessagePage } from "~/api/messages";
import { Problem, problemFromChat } from "~/api/problem";
import { noteFailure, queryClient } from "~/api/queryClient";
import { usageQuery } from "~/api/usage";
import { newId } from "~/lib/id";
import { newChatDraft, setDraft } from "./drafts";
import { type ChatMessage, mergeNewest, textOf } from "./message";

/** What is sent along with a message: which model is to answer, and how much it shall think. */
export interface ModelChoice {
  modelId?: string;
  reasoningEffort?: string;
}

/** One conversation on this page: the chat client's state, and how far back it reaches. */
export class Thread {
  readonly id: string;
  readonly chat: Chat<ChatMessage>;
  /** False until the server has accepted the first message. */
  stored: boolean;
  /** Just loaded: nothing can have been missed. */
  fresh = true;
  /** The cursor of the page before the oldest message shown. */
  older?: string;

  constructor(id: string, page?: MessagePage) {
    this.id = id;
    this.stored = page !== undefined;
    this.older = page?.nextCursor;
    this.chat = new Chat<ChatMessage>({
      id,
      messages: page?.items ?? [],
      generateId: newId,
      transport: this.transport(),
      onError: (error) => this.failed(problemFromChat(error)),
      onFinish: () => {
        void refreshConversations(queryClient);
        void queryClient.invalidateQueries({ queryKey: usageQuery.queryKey });
      },
    });
  }

  /** Under this key the composer keeps what is not sent. */
  get draftKey(): string {
    return this.stored ? this.id : newChatDraft;
  }

  get busy(): boolean {
    return this.chat.status === "submitted" || this.chat.status === "streaming";
  }

  async send(text: string, choice: ModelChoice): Promise<void> {
    setDraft(this.draftKey, "");
    await this.chat.sendMessage({ text }, { body: choice });
  }

  /** Asks for the last reply again, or for the one that never came. */
  async regenerate(choice: ModelChoice): Promise<void> {
    await this.chat.regenerate({ body: choice });
  }

  /** Catches up with the server: messages that came elsewhere, and a reply that is being written. */
  async refresh(): Promise<void> {
    if (this.busy || (!this.stored && this.chat.messages.length === 0)) {
      return;
    }
    await this.reload();
    if (!this.busy) {
      await this.follow();
    }
  }

  /** Follows the running reply, if there is one. */
  async follow(): Promise<void> {
    if (!this.stored) {
      return;
    }
    await this.chat.resumeStream();
    // It may have ended between the two questions: then it is among the messages by now.
    if (this.chat.status === "ready" && this.chat.lastMessage?.role === "user") {
      await this.reload();
    }
  }

  /** Puts the page before the oldest message in front. */
  async showOlder(): Promise<void> {
    const page = await fetchMessages(this.id, this.older);
    this.older = page.nextCursor;
    this.chat.messages = [...page.items, ...this.chat.messages];
  }

  private async reload(): Promise<void> {
    let page: MessagePage;
    try {
      page = await fetchMessages(this.id);
    } catch (error) {
      if (!this.stored && error instanceof Problem && error.code === "not_found") {
        this.takeBack();
        this.chat.clearError();
        return;
      }
      throw error;
    }
    if (this.busy) {
      return;
    }
    this.stored = true;
    if (!page.items.some((message) => message.id === this.chat.lastMessage?.id)) {
      this.takeBack();
    }
    const { messages, connected } = mergeNewest(this.chat.messages, page.items);
    if (!connected) {
      this.older = page.nextCursor;
    }
    if (messages !== this.chat.messages) {
      this.chat.messages = messages;
    }
  }

  private failed(problem: Problem): void {
    noteFailure(problem);
    if (problem.status >= 400) {
      this.takeBack();
    }
    if (problem.code === "run_active" || problem.code === "offline") {
      // Another page started a reply, or the connection broke: the reply goes on without us, if it was begun.
      setTimeout(() => void this.refresh().catch(() => undefined), 1000);
    }
  }

  /** A message that the server did not take becomes a draft again. */
  private takeBack(): void {
    const last = this.chat.lastMessage;
    if (last?.role === "user") {
      this.chat.messages = this.chat.messages.slice(0, -1);
      setDraft(this.draftKey, textOf(last));
    }
  }

  private transport() {
    return new DefaultChatTransport<ChatMessage>({
      api: "/api/ai",
      credentials: "same-origin",
      // The history is the server's; it needs the new message alone.
      prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
        body: {
          ...body,
          id,
          messages: trigger === "submit-message" ? messages.slice(-1) : [],
          trigger,
          messageId,
        },
      }),
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (response.ok && init?.method === "POST") {
          this.accepted();
        }
        return response;
      },
    });
  }

  private accepted(): void {
    this.stored = true;
    void refreshConversations(queryClient);
  }
}
