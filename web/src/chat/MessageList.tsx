import { ActionIcon, Button, Loader } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowDown } from "@tabler/icons-react";
import type { ChatStatus } from "ai";
import { useLayoutEffect, useRef, useState } from "react";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { MessageView } from "./MessageView";
import type { ChatMessage } from "./message";
import type { Thread } from "./thread";
import { useStickToBottom } from "./useStickToBottom";

interface Props {
  thread: Thread;
  messages: ChatMessage[];
  status: ChatStatus;
  /** Absent while something else offers to try again. */
  onRegenerate?: () => void;
}

/** The messages, newest at the bottom; follows a growing reply until the reader scrolls away. */
export function MessageList({ thread, messages, status, onRegenerate }: Props) {
  const { scroller, content, atBottom, toBottom } = useStickToBottom();
  const busy = status === "submitted" || status === "streaming";
  const last = messages.at(-1);
  const firstId = messages[0]?.id;
  const lastId = last?.id;
  const mine = last?.role === "user";

  // biome-ignore lint/correctness/useExhaustiveDependencies: a message of one's own is always scrolled to.
  useLayoutEffect(() => {
    if (mine) {
      toBottom();
    }
  }, [lastId, mine]);

  // Older messages come in above: what was being read stays where it is.
  const fromBottom = useRef<number>(undefined);
  const keepPlace = () => {
    const box = scroller.current;
    fromBottom.current = box ? box.scrollHeight - box.scrollTop : undefined;
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when another message has become the first.
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && fromBottom.current !== undefined) {
      box.scrollTop = box.scrollHeight - fromBottom.current;
      fromBottom.current = undefined;
    }
  }, [firstId]);

  return (
    <div className={classes.scroller} ref={scroller} tabIndex={-1} id="conversation">
      <div className={classes.column} ref={content} role="log" aria-busy={busy}>
        <OlderButton thread={thread} onLoad={keepPlace} />
        {messages.map((message) => (
          <MessageView
            key={message.id}
            message={message}
            streaming={busy && message.id === lastId}
            onRegenerate={!busy && message.id === lastId ? onRegenerate : undefined}
          />
        ))}
        {status === "submitted" && (
          <div className={classes.waiting} role="status" aria-label={strings.chat.waiting}>
            <Loader type="dots" size="sm" />
          </div>
        )}
      </div>
      {!atBottom && (
        <ActionIcon
          className={classes.toNewest}
          variant="default"
          radius="xl"
          size="lg"
          aria-label={strings.chat.toNewest}
          onClick={() => toBottom("smooth")}
        >
          <IconArrowDown size={18} />
        </ActionIcon>
      )}
    </div>
  );
}

/** Loads the page before. */
function OlderButton({ thread, onLoad }: { thread: Thread; onLoad: () => void }) {
  const [loading, setLoading] = useState(false);
  if (!thread.older) {
    return null;
  }
  const load = async () => {
    setLoading(true);
    onLoad();
    try {
      await thread.showOlder();
    } catch (error) {
      noteFailure(error);
      const message = error instanceof Problem ? error.detail : undefined;
      notifications.show({ color: "red", title: strings.chat.olderFailed, message });
    }
    setLoading(false);
  };
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      loading={loading}
      onClick={() => void load()}
      className={classes.older}
    >
      {strings.chat.older}
    </Button>
  );
}
