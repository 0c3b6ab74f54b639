import { ActionIcon, Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import { newId } from "~/lib/id";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";
import type { Header } from "./draft";

const f = settingsStrings.tools.form;
// The server's limit.
const most = 10;

interface Props {
  /** Gets the way to read what is typed. */
  read: RefObject<() => Header[]>;
  error?: string;
  hint?: string;
  /** Names to begin with. */
  start?: string[];
}

/** Names and values of headers. The values stay in their fields and are never in the page's state. */
export function HeaderFields({ read, error, hint, start = [] }: Props) {
  const [lines, setLines] = useState(() => start.map((name) => ({ id: newId(), name })));
  const [added, setAdded] = useState<string>();
  const field = useRef<HTMLFieldSetElement>(null);

  useEffect(() => {
    read.current = () => {
      const rows = field.current?.querySelectorAll<HTMLElement>("[data-header]") ?? [];
      return [...rows].map((row) => {
        const [name, value] = row.querySelectorAll("input");
        return { name: name?.value ?? "", value: value?.value ?? "" };
      });
    };
  }, [read]);

  return (
    <fieldset className={classes.fieldset} ref={field}>
      <legend>{f.headers}</legend>
      <Text size="xs" c="dimmed" mb="xs">
        {hint ?? f.headersHelp}
      </Text>
      <Stack gap="xs" align="stretch">
        {lines.map(({ id, name }, i) => (
          <div key={id} className={classes.headers} data-header>
            <TextInput
              aria-label={f.headerNameOf(i + 1)}
              placeholder={f.headerName}
              defaultValue={name}
              autoFocus={id === added}
              spellCheck={false}
              autoCapitalize="none"
            />
            <PasswordInput
              aria-label={f.headerValueOf(i + 1)}
              placeholder={f.headerValue}
              autoComplete="off"
              data-1p-ignore
              data-lpignore="true"
            />
            <ActionIcon
              size="input-sm"
              variant="subtle"
              color="gray"
              aria-label={f.removeHeader(i + 1)}
              onClick={() => setLines(lines.filter((line) => line.id !== id))}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </div>
        ))}
        {error && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {error}
          </Text>
        )}
        {lines.length < most && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlus size={14} aria-hidden />}
            className={classes.start}
            onClick={() => {
              const id = newId();
              setLines([...lines, { id, name: "" }]);
              setAdded(id);
            }}
          >
            {f.addHeader}
          </Button>
        )}
      </Stack>
    </fieldset>
  );
}
