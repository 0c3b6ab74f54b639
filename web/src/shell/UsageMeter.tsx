import { Progress, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Allowance } from "~/api/types";
import { usageQuery } from "~/api/usage";
import { strings } from "~/strings";

const s = strings.usage;

function share({ used, limit }: Allowance): number {
  return limit > 0 ? Math.min(1, used / limit) : 1;
}

/** How much of the allowance is used: the day's, or the month's once that is the narrower one. */
export function UsageMeter() {
  const { data } = useQuery(usageQuery);
  if (!data) {
    return null;
  }
  const monthly = data.month.remaining < data.day.remaining;
  const allowance = monthly ? data.month : data.day;
  const label = (monthly ? s.month : s.today)(allowance.used, allowance.limit);
  const when = new Intl.DateTimeFormat("en", {
    weekday: monthly ? undefined : "short",
    month: monthly ? "long" : undefined,
    day: monthly ? "numeric" : undefined,
    hour: "numeric",
    minute: "2-digit",
  }).format(new Date(allowance.resetsAt));
  const part = share(allowance);
  const color = part >= 1 ? "red" : part >= 0.8 ? "orange" : "indigo";
  return (
    <Tooltip label={s.resets(when)} withinPortal>
      <div>
        <Text size="xs" c="dimmed" mb={4}>
          {label}
        </Text>
        <Progress value={part * 100} size={4} color={color} aria-label={s.label} />
      </div>
    </Tooltip>
  );
}
