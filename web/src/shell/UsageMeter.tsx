import { Progress, Text, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { usageQuery } from "~/api/usage";
import { strings } from "~/strings";
import { narrowest, share } from "./allowance";

const s = strings.usage;

/** How much of the allowance is used, of the limit that stands in the way first. */
export function UsageMeter() {
  const { data } = useQuery(usageQuery);
  if (!data) {
    return null;
  }
  const least = narrowest(data);
  if (!least) {
    return (
      <Text size="xs" c="dimmed">
        {s.unlimited(data.day.used)}
      </Text>
    );
  }
  const { kind, used, limit, resetsAt } = least;
  const monthly = kind === "month";
  const when = new Intl.DateTimeFormat("en", {
    weekday: monthly ? undefined : "short",
    month: monthly ? "long" : undefined,
    day: monthly ? "numeric" : undefined,
    hour: "numeric",
    minute: "2-digit",
  }).format(new Date(resetsAt));
  const part = share(used, limit);
  const color = part >= 1 ? "red" : part >= 0.8 ? "orange" : "indigo";
  return (
    <Tooltip label={s.resets(when)} withinPortal>
      <div>
        <Text size="xs" c="dimmed" mb={4}>
          {s[kind](used, limit)}
        </Text>
        <Progress
          value={part * 100}
          size={4}
          color={color}
          aria-label={kind === "cost" ? s.spent : s.label}
        />
      </div>
    </Tooltip>
  );
}
