import { Group, Progress, Text } from "@mantine/core";
import { useId } from "react";
import type { Usage } from "~/api/types";
import { share } from "~/shell/allowance";
import { settingsStrings } from "~/strings/settings";
import { moment, money, short } from "../format";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { Tag } from "../Tag";

const s = settingsStrings.usage;

/** What the user's plan allows, and how much of it is used. */
export function Allowances({ usage: { plan, day, month, cost, tokensPerMinute } }: { usage: Usage }) {
  const spent = cost.usedMicroUsd + cost.reservedMicroUsd;
  return (
    <Section
      title={s.allowance}
      description={s.allowanceText}
      aside={plan && <Tag color="indigo">{s.plan(plan.name)}</Tag>}
      bare
    >
      <div className={classes.allowances}>
        <Tile title={s.today} {...day} write={short} left={s.left} />
        <Tile title={s.month} {...month} write={short} left={s.left} />
        {cost.limitMicroUsd !== null && (
          <Tile
            title={s.costToday}
            used={spent}
            limit={cost.limitMicroUsd}
            resetsAt={cost.resetsAt}
            write={money}
            left={(n) => s.moneyLeft(money(n))}
          />
        )}
      </div>
      {tokensPerMinute !== null && (
        <Text size="sm" c="dimmed" mt="xs">
          {s.tokensPerMinute(short(tokensPerMinute))}
        </Text>
      )}
    </Section>
  );
}

interface TileProps {
  title: string;
  used: number;
  /** Null: there is none. */
  limit: number | null;
  resetsAt: string;
  write: (n: number) => string;
  left: (n: number) => string;
}

function Tile({ title, used, limit, resetsAt, write, left }: TileProps) {
  const id = useId();
  const told = limit === null ? s.noLimit(write(used)) : s.of(write(used), write(limit));
  const part = limit === null ? 0 : share(used, limit);
  const color = part >= 1 ? "red" : part >= 0.8 ? "orange" : undefined;
  return (
    <div className={classes.tile}>
      <Group justify="space-between" gap="xs" mb="xs">
        <Text fw={550} size="sm" id={id}>
          {title}
        </Text>
        <Text size="sm" c="dimmed">
          {told}
        </Text>
      </Group>
      {limit !== null && (
        <Progress.Root size={8}>
          <Progress.Section value={part * 100} color={color} aria-labelledby={id} aria-valuetext={told} />
        </Progress.Root>
      )}
      <Text size="xs" c="dimmed" mt="xs">
        {limit === null
          ? s.counts(moment(resetsAt))
          : `${limit > used ? left(limit - used) : s.usedUp}, ${s.resets(moment(resetsAt))}`}
      </Text>
    </div>
  );
}
