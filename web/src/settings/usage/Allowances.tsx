import { Group, Progress, Text } from "@mantine/core";
import { useId } from "react";
import type { Allowance, Usage } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { moment } from "../format";
import { Section } from "../Section";
import classes from "../settings.module.css";

const s = settingsStrings.usage;

/** How much of the day's and the month's messages is used. */
export function Allowances({ usage }: { usage: Usage }) {
  return (
    <Section title={s.allowance} description={s.allowanceText} bare>
      <div className={classes.allowances}>
        <Tile title={s.today} allowance={usage.day} />
        <Tile title={s.month} allowance={usage.month} />
      </div>
    </Section>
  );
}

function Tile({ title, allowance }: { title: string; allowance: Allowance }) {
  const id = useId();
  const { used, limit, remaining, resetsAt } = allowance;
  const part = limit > 0 ? Math.min(1, used / limit) : 1;
  const color = part >= 1 ? "red" : part >= 0.8 ? "orange" : undefined;
  return (
    <div className={classes.tile}>
      <Group justify="space-between" gap="xs" mb="xs">
        <Text fw={550} size="sm" id={id}>
          {title}
        </Text>
        <Text size="sm" c="dimmed">
          {s.of(used, limit)}
        </Text>
      </Group>
      <Progress.Root size={8}>
        <Progress.Section
          value={part * 100}
          color={color}
          aria-labelledby={id}
          aria-valuetext={s.of(used, limit)}
        />
      </Progress.Root>
      <Text size="xs" c="dimmed" mt="xs">
        {remaining > 0 ? s.left(remaining) : s.usedUp}, {s.resets(moment(resetsAt))}
      </Text>
    </div>
  );
}
