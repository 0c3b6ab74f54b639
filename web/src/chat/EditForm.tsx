import { Button, Group, Text, Textarea } from "@mantine/core";
import { type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { strings } from "~/strings";
import { useActions } from "./actions";
import { composerId } from "./Composer";
import classes from "./chat.module.css";
import { clearDraft, useDraft } from "./drafts";
import { charactersOver } from "./length";
import { type ChatMessage, textOf } from "./message";

const s = strings.chat;

/** A message of the user's while it is changed. What is written is kept until it is sent or given up. */
export function EditForm({ message }: { message: ChatMessage }) {
  const { thread, edit } = useActions();
  const [draft, setDraft] = useDraft(thread.editKey(message.id));
  const input = useRef<HTMLTextAreaElement>(null);
  const original = textOf(message);
  const value = draft.text || original;
  const over = charactersOver(value.trim());

  useEffect(() => {
    const field = input.current;
    field?.focus();
    field?.setSelectionRange(field.value.length, field.value.length);
  }, []);

  const close = () => {
    thread.editing.set(undefined);
    document.getElementById(composerId)?.focus();
  };
  const cancel = () => {
    clearDraft(thread.editKey(message.id));
    close();
  };
  const save = (event?: FormEvent) => {
    event?.preventDefault();
    const text = value.trim();
    if (text !== "" && over <= 0 && !thread.busy) {
      edit(message, text);
      document.getElementById(composerId)?.focus();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      cancel();
    } else if (
      event.key === "Enter" &&
      !event.shiftKey &&
      !event.nativeEvent.isComposing &&
      matchMedia("(hover: hover)").matches
    ) {
      event.preventDefault();
      save();
    }
  };
  return (
    <form className={classes.edit} onSubmit={save}>
      <Textarea
        ref={input}
        aria-label={s.editLabel}
        variant="unstyled"
        autosize
        minRows={2}
        maxRows={14}
        value={value}
        onChange={(event) => setDraft({ text: event.currentTarget.value })}
        onKeyDown={onKeyDown}
      />
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed" className={classes.editHint}>
          {over > 0 ? s.tooLong(over) : s.editHint}
        </Text>
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={cancel}>
            {strings.list.cancel}
          </Button>
          <Button size="xs" type="submit" disabled={value.trim() === "" || over > 0}>
            {s.editSave}
          </Button>
        </Group>
      </Group>
    </form>
  );
}
