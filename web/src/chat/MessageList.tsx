import { ActionIcon, Button, Loader, VisuallyHidden } from "@mantine/core";
import { IconArrowDown } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useLayoutEffect } from "react";
import { findConversation } from "~/api/conversations";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { MessageItem } from "./MessageItem";
import type { ChatMessage } from "./message";
import type { Thread } from "./thread";
import { useOlder } from "./useOlder";
import { useStickToBottom } from "./useStickToBottom";
import type { Target } from "./useTarget";

interface Props {
  thread: Thread;
  messages: ChatMessage[];
  /** A reply is being written, or taken up again. */
  busy: boolean;
  /** The reply has not begun yet. */
  waiting: boolean;
  /** Something else offers to try again. */
  failed: boolean;
  /** The message to scroll to. */
  target: Target | undefined;
}

// The newest messages are always laid out; those above only when they come near the screen.
const near = 6;

/** The messages, newest at the bottom; follows a growing reply until the reader scrolls away. */
export function MessageList({ thread, messages, busy, waiting, failed, target }: Props) {
  const { scroller, content, atBottom, toBottom, letGo } = useStickToBottom();
  const title = useTitle(thread.id);
  const older = useOlder(thread, scroller, messages[0]?.id);
  const untitled = thread.temporary ? strings.chat.temporary.title : strings.list.untitled;
  const last = messages.at(-1);
  const lastId = last?.id;
  const mine = last?.role === "user";

  // biome-ignore lint/correctness/useExhaustiveDependencies: a message of one's own is always scrolled to.
  useLayoutEffect(() => {
    if (mine) {
      toBottom();
    }
  }, [lastId, mine]);

  const here = target?.found === true && messages.some(({ id }) => id === target.id);
  useEffect(() => {
    const box = scroller.current;
    if (!here || !target || !box) {
      return;
    }
    letGo();
    let stop: (() => void) | undefined;
    let left = false;
    void import("./bringIntoView").then(({ bringIntoView }) => {
      stop = left ? undefined : bringIntoView(box, target.id, target.words);
    });
    return () => {
      left = true;
      stop?.();
    };
  }, [here, target, scroller, letGo]);

  return (
    <div className={classes.listBox}>
      <div className={classes.scroller} ref={scroller} tabIndex={-1} id="main">
        <div className={classes.column} ref={content} role="log" aria-busy={busy}>
          <VisuallyHidden component="h1">{title || untitled}</VisuallyHidden>
          {older.more && (
            <div ref={older.sentinel} className={classes.older}>
              {older.failed ? (
                <Button variant="subtle" size="compact-sm" onClick={older.load}>
                  {strings.chat.olderFailed} {strings.problems.tryAgain}
                </Button>
              ) : (
                <Loader size="sm" type="dots" role="status" aria-label={strings.chat.olderLoading} />
              )}
            </div>
          )}
          {messages.map((message, index) => (
            <MessageItem
              key={message.id}
              message={message}
              far={index < messages.length - near}
              plain={thread.passedOver.has(message.id)}
              streaming={busy && message.id === lastId && !mine}
              last={message.id === lastId}
              busy={busy}
              failed={failed}
            />
          ))}
          {waiting && (
            <div className={classes.waiting} role="status" aria-label={strings.chat.waiting}>
              <Loader type="dots" size="sm" />
            </div>
          )}
        </div>
      </div>
      {target?.found === false && (
        <div className={classes.looking} role="status">
          <Loader size="xs" /> {strings.chat.target.looking}
        </div>
      )}
      {!atBottom && (
        <ActionIcon
          className={classes.toNewest}
          variant="default"
          radius="xl"
          size="lg"
          aria-label={strings.chat.toNewest}
          onClick={() =>
            toBottom(matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth")
          }
        >
          <IconArrowDown size={18} />
        </ActionIcon>
      )}
    </div>
  );
}

/** What the conversation is called, where the list of them knows it. */
function useTitle(id: string): string | undefined {
  return findConversation(useQueryClient(), id)?.title;
}
