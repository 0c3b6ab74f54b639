import { ActionIcon, Text, Textarea, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowUp, IconPlayerStopFilled } from "@tabler/icons-react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { stopReply } from "~/api/messages";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { useDraft } from "./drafts";
import { EffortPicker, ModelPicker } from "./ModelPicker";
import type { Thread } from "./thread";
import type { Choice } from "./useModelChoice";

// The server's default limit, in characters.
const maxLength = 32_000;

interface Props {
  thread: Thread;
  /** A reply is being written: the message waits, and the button stops it. */
  busy: boolean;
  choice: Choice;
  onSend: (text: string) => void;
}

/** Where a message is written. Enter sends it, on touch screens only the button does. */
export function Composer({ thread, busy, choice, onSend }: Props) {
  const [draft, setDraft] = useDraft(thread.draftKey);
  const input = useRef<HTMLTextAreaElement>(null);
  const text = draft.trim();
  const over = text.length > maxLength ? [...text].length - maxLength : 0;
  const ready = text !== "" && over <= 0 && !busy && choice.model !== undefined;

  // Where there is a keyboard. On a touch screen one would come up and cover the page.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) {
      input.current?.focus();
    }
  }, []);

  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (ready) {
      onSend(text);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const plainEnter = event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing;
    if (plainEnter && matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      send();
    }
  };

  return (
    <form className={classes.composer} onSubmit={send}>
      <Textarea
        ref={input}
        aria-label={strings.chat.placeholder}
        placeholder={strings.chat.placeholder}
        variant="unstyled"
        autosize
        minRows={1}
        maxRows={10}
        value={draft}
        onChange={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div className={classes.tools}>
        <ModelPicker choice={choice} />
        <EffortPicker choice={choice} />
        <div className={classes.spacer} />
        {over > 0 && (
          <Text size="xs" c="red" role="status">
            {strings.chat.tooLong(over)}
          </Text>
        )}
        {busy ? (
          <StopButton thread={thread} />
        ) : (
          <Tooltip label={strings.chat.hint} openDelay={600}>
            <ActionIcon type="submit" size={36} radius="xl" aria-label={strings.chat.send} disabled={!ready}>
              <IconArrowUp size={20} />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </form>
  );
}

/** Stops the reply at the server; the stream then ends by itself, with everything that was written kept. */
function StopButton({ thread }: { thread: Thread }) {
  const [stopping, setStopping] = useState(false);
  const stop = async () => {
    setStopping(true);
    try {
      await stopReply(thread.id);
    } catch (error) {
      noteFailure(error);
      if (error instanceof Problem && error.code !== "not_found") {
        notifications.show({ color: "red", title: error.title, message: error.detail });
      }
    }
    setStopping(false);
  };
  const label = stopping ? strings.chat.stopping : strings.chat.stop;
  return (
    <Tooltip label={label}>
      <ActionIcon
        size={36}
        radius="xl"
        variant="filled"
        color="gray"
        aria-label={label}
        loading={stopping}
        onClick={() => void stop()}
      >
        <IconPlayerStopFilled size={16} />
      </ActionIcon>
    </Tooltip>
  );
}
