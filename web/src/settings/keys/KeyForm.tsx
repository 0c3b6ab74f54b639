import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { type FormEvent, useRef, useState } from "react";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";

const s = settingsStrings.keys;

interface Props {
  label: string;
  busy: boolean;
  onKey: (key: string) => void;
  onCancel: () => void;
}

/** Takes a key. It is in the field alone, never in the page's state, and out of the field once it is sent. */
export function KeyForm({ label, busy, onKey, onCancel }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<string>();

  const send = (event: FormEvent) => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (!/^[!-~]{8,512}$/.test(key)) {
      setError(key === "" ? s.missing : s.malformed);
      field.current?.focus();
      return;
    }
    if (field.current) {
      field.current.value = "";
    }
    setError(undefined);
    onKey(key);
  };
  return (
    <form onSubmit={send} className={classes.formRow} autoComplete="off">
      <Stack gap="sm">
        <PasswordInput
          ref={field}
          label={label}
          placeholder={s.placeholder}
          // Password managers are to leave it alone: it belongs to no account here.
          autoComplete="off"
          data-1p-ignore
          data-lpignore="true"
          spellCheck={false}
          autoFocus
          disabled={busy}
          error={error}
        />
        <Group gap="xs">
          <Button type="submit" size="sm" loading={busy}>
            {s.save}
          </Button>
          <Button size="sm" variant="default" onClick={onCancel}>
            {settingsStrings.common.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
