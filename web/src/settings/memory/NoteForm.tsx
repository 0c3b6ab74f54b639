import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import type { FormEvent } from "react";
import { settingsStrings } from "~/strings/settings";

const s = settingsStrings.memory;

/** The server's limit, in characters. */
const limit = 400;

interface Props {
  label: string;
  submit: string;
  text: string;
  onText: (text: string) => void;
  busy: boolean;
  /** Why nothing can be sent, if so. */
  refused?: string;
  onSend: (text: string) => void;
  onCancel?: () => void;
}

/** Where a note is written. */
export function NoteForm({ label, submit, text, onText, busy, refused, onSend, onCancel }: Props) {
  const length = [...text.trim()].length;
  const long = length > limit;
  const send = (event: FormEvent) => {
    event.preventDefault();
    onSend(text.trim());
  };
  return (
    <form onSubmit={send}>
      <Stack gap="xs">
        <Textarea
          label={label}
          placeholder={s.placeholder}
          autosize
          minRows={2}
          maxRows={8}
          value={text}
          onChange={(event) => onText(event.currentTarget.value)}
          error={long}
          autoFocus={onCancel !== undefined}
        />
        <Group justify="space-between" gap="xs">
          <Group gap="xs">
            <Button
              type="submit"
              size="xs"
              loading={busy}
              disabled={length === 0 || long || refused !== undefined}
            >
              {submit}
            </Button>
            {onCancel && (
              <Button size="xs" variant="default" onClick={onCancel}>
                {settingsStrings.common.cancel}
              </Button>
            )}
          </Group>
          {refused ? (
            <Text size="sm" role="status">
              {refused}
            </Text>
          ) : (
            length > limit / 2 && (
              <Text size="sm" c={long ? "red" : "dimmed"} role={long ? "alert" : undefined}>
                {s.count(length, limit)}
              </Text>
            )
          )}
        </Group>
      </Stack>
    </form>
  );
}
