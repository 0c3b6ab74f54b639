import { Group, Text } from "@mantine/core";
import { strings } from "~/strings";

/** Two brains, one over the other, and the name. */
export function Logo({ size = 24 }: { size?: number }) {
  return (
    <Group gap={10} wrap="nowrap" align="center">
      <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
        <circle cx="12" cy="16" r="9.5" fill="var(--mantine-primary-color-filled)" />
        <circle cx="20" cy="16" r="9.5" fill="var(--mantine-color-teal-6)" fillOpacity={0.82} />
      </svg>
      <Text component="span" fw={650} fz={size * 0.72} lts="-0.02em">
        {strings.app.name}
      </Text>
    </Group>
  );
}
