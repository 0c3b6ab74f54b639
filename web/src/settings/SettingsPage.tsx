import { Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { strings } from "~/strings";
import { settingsStrings } from "~/strings/settings";

interface Props {
  title: string;
  lead: string;
  children: ReactNode;
}

/** One page of the settings. */
export function SettingsPage({ title, lead, children }: Props) {
  useDocumentTitle(`${title} · ${settingsStrings.title} · ${strings.app.name}`);
  return (
    <Stack gap="xl">
      <div>
        <Title order={1} size="h2">
          {title}
        </Title>
        <Text c="dimmed" mt={4}>
          {lead}
        </Text>
      </div>
      {children}
    </Stack>
  );
}
