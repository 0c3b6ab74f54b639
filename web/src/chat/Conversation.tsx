import { useChat } from "@ai-sdk/react";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { problemFromChat } from "~/api/problem";
import { Composer } from "./Composer";
import classes from "./chat.module.css";
import { ErrorNotice } from "./ErrorNotice";
import { Greeting } from "./Greeting";
import { MessageList } from "./MessageList";
import type { Thread } from "./thread";
import { useModelChoice } from "./useModelChoice";

interface Props {
  thread: Thread;
  /** The conversation is not in the address bar yet. */
  isNew: boolean;
}

/** The messages of a conversation and the place to write the next one. */
export function Conversation({ thread, isNew }: Props) {
  const { messages, status, error } = useChat({ chat: thread.chat, throttle: 40 });
  const choice = useModelChoice();
  const navigate = useNavigate();
  const busy = status === "submitted" || status === "streaming";

  // Once the server has the first message, the conversation has an address of its own.
  const { stored } = thread;
  useEffect(() => {
    if (isNew && stored) {
      void navigate({ to: "/c/$conversationId", params: { conversationId: thread.id }, replace: true });
    }
  }, [isNew, stored, thread, navigate]);

  const send = (text: string) => void thread.send(text, choice.request);
  const regenerate = () => void thread.regenerate(choice.request);
  const problem = error && problemFromChat(error);
  const empty = messages.length === 0;
  return (
    <div className={classes.view}>
      {empty ? (
        <Greeting onPick={send} />
      ) : (
        <MessageList
          thread={thread}
          messages={messages}
          status={status}
          onRegenerate={problem ? undefined : regenerate}
        />
      )}
      <div className={classes.dock}>
        <div className={classes.column}>
          {problem && !busy && (
            <ErrorNotice problem={problem} thread={thread} onRegenerate={regenerate} onSend={send} />
          )}
          <Composer thread={thread} busy={busy} choice={choice} onSend={send} />
        </div>
      </div>
    </div>
  );
}
