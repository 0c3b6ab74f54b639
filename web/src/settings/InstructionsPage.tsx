import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import type { FormEvent } from "react";
import type { Settings } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "./Loaded";
import { succeeded } from "./notices";
import { SettingsPage } from "./SettingsPage";
import { useKept } from "./useKept";
import { useSettings } from "./useSettings";

const s = settingsStrings.instructions;
// The server's limit, in characters.
const limit = 8_000;

/** What every reply is to take into account. */
export function InstructionsPage() {
  const { query, save } = useSettings();
  return (
    <SettingsPage title={settingsStrings.nav.instructions} lead={s.lead}>
      <Loaded query={query} lines={6}>
        {(settings) => <Editor settings={settings} save={save} />}
      </Loaded>
    </SettingsPage>
  );
}

type EditorProps = { settings: Settings; save: ReturnType<typeof useSettings>["save"] };

function Editor({ settings, save }: EditorProps) {
  const stored = settings.customInstructions;
  const [draft, keep] = useKept("instructions");
  const text = draft ?? stored;
  const changed = text !== stored;
  const length = [...text].length;

  const send = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { customInstructions: text.trim() },
      {
        onSuccess: () => {
          keep(undefined);
          succeeded(s.saved);
        },
        // The page shows the old text again; what was typed stays in the field.
        onError: () => keep(text),
      },
    );
  };
  return (
    <form onSubmit={send}>
      <Stack gap="sm">
        <Textarea
          label={s.label}
          description={s.help}
          placeholder={s.placeholder}
          autosize
          minRows={7}
          maxRows={20}
          value={text}
          onChange={(event) => keep(event.currentTarget.value)}
          error={length > limit}
        />
        <Group justify="space-between" gap="xs">
          <Group gap="xs">
            <Button type="submit" size="sm" loading={save.isPending} disabled={!changed || length > limit}>
              {settingsStrings.common.save}
            </Button>
            {changed && (
              <Button size="sm" variant="default" onClick={() => keep(undefined)}>
                {s.discard}
              </Button>
            )}
          </Group>
          <Text size="sm" c={length > limit ? "red" : "dimmed"} role={length > limit ? "alert" : undefined}>
            {s.count(length, limit)}
          </Text>
        </Group>
      </Stack>
    </form>
  );
}
