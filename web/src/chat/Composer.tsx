import { ActionIcon, Text, Textarea, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowUp, IconPaperclip, IconPlayerStopFilled } from "@tabler/icons-react";
import { type ClipboardEvent, type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { stopReply } from "~/api/messages";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { accepted, unreadable } from "./attachments";
import classes from "./chat.module.css";
import { DraftFiles } from "./DraftFiles";
import { type Draft, isEmptyDraft, useDraft } from "./drafts";
import { charactersOver } from "./length";
import { EffortPicker, ModelPicker } from "./ModelPicker";
import type { Uploads } from "./uploads";
import type { Choice } from "./useModelChoice";

/** The element to focus for writing, from anywhere on the page. */
export const composerId = "composer";

interface Props {
  conversationId: string;
  /** Under this key what is written is kept. */
  draftKey: string;
  uploads: Uploads;
  /** A reply is being written: the message waits, and the button stops it. */
  busy: boolean;
  choice: Choice;
  onSend: (draft: Draft) => void;
  onFiles: (files: Iterable<File>) => void;
  /** The reader wants to change the last message. */
  onEditLast: () => void;
}

/** Where a message is written. Enter sends it, on touch screens only the button does. */
export function Composer(props: Props) {
  const { conversationId, draftKey, uploads, busy, choice, onSend, onFiles, onEditLast } = props;
  const [draft, setDraft] = useDraft(draftKey);
  const running = useCell(uploads.list);
  const input = useRef<HTMLTextAreaElement>(null);
  const stop = useStop(conversationId);
  const text = draft.text.trim();
  const over = charactersOver(text);
  const unfit = unreadable(choice.model, draft.files);
  const uploading = running.some(({ problem }) => !problem);
  const ready =
    !isEmptyDraft(draft) && over <= 0 && !busy && !uploading && !unfit && (choice.model || !choice.models);

  // Where there is a keyboard. On a touch screen one would come up and cover the page.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) {
      input.current?.focus();
    }
  }, []);

  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (ready) {
      onSend({ text, files: draft.files });
      input.current?.focus();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const plain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (event.nativeEvent.isComposing || !plain) {
      return;
    }
    if (event.key === "Enter" && matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && draft.text === "" && !busy) {
      event.preventDefault();
      onEditLast();
    } else if (event.key === "Escape" && busy) {
      void stop.now();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length > 0) {
      event.preventDefault();
      onFiles(event.clipboardData.files);
    }
  };

  return (
    <form className={classes.composer} onSubmit={send}>
      <DraftFiles uploads={uploads} files={draft.files} />
      <Textarea
        ref={input}
        id={composerId}
        aria-label={strings.chat.placeholder}
        placeholder={strings.chat.placeholder}
        variant="unstyled"
        autosize
        minRows={1}
        maxRows={10}
        value={draft.text}
        onChange={(event) => setDraft({ text: event.currentTarget.value })}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      {(unfit || over > 0) && (
        <Text size="xs" c="red" role="status" className={classes.unfit}>
          {unfit ?? strings.chat.tooLong(over)}
        </Text>
      )}
      <div className={classes.tools}>
        <AttachButton onFiles={onFiles} />
        <ModelPicker choice={choice} />
        <EffortPicker choice={choice} />
        <div className={classes.spacer} />
        {busy ? (
          <Tooltip label={stop.label}>
            <ActionIcon
              className={classes.send}
              size={36}
              radius="xl"
              variant="filled"
              color="gray"
              aria-label={stop.label}
              loading={stop.stopping}
              onClick={() => void stop.now()}
            >
              <IconPlayerStopFilled size={16} />
            </ActionIcon>
          </Tooltip>
        ) : (
          <Tooltip label={strings.chat.hint} openDelay={600}>
            <ActionIcon
              className={classes.send}
              type="submit"
              size={36}
              radius="xl"
              aria-label={strings.chat.send}
              disabled={!ready}
            >
              <IconArrowUp size={20} />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </form>
  );
}

function AttachButton({ onFiles }: { onFiles: (files: Iterable<File>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const label = strings.chat.files.attach;
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={accepted}
        aria-label={label}
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          // So that the same file can be chosen again.
          event.currentTarget.value = "";
        }}
      />
      <Tooltip label={label}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={32}
          radius="xl"
          aria-label={label}
          onClick={() => input.current?.click()}
        >
          <IconPaperclip size={18} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}

/** Stops the reply at the server; the stream then ends by itself, with everything that was written kept. */
function useStop(conversationId: string) {
  const [stopping, setStopping] = useState(false);
  const now = async () => {
    if (stopping) {
      return;
    }
    setStopping(true);
    try {
      await stopReply(conversationId);
    } catch (error) {
      noteFailure(error);
      if (error instanceof Problem && error.code !== "not_found") {
        notifications.show({ color: "red", title: error.title, message: error.detail });
      }
    }
    setStopping(false);
  };
  return { now, stopping, label: stopping ? strings.chat.stopping : strings.chat.stop };
}
