import { Alert, Button, Group, Loader, Text } from "@mantine/core";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import type { Recovery } from "./recovery";

const s = strings.chat.recovery;

/** That the connection to a reply is lost: taken up again by itself, or with a button once that did not help. */
export function RecoveryNotice({ recovery, onRetry }: { recovery: Recovery; onRetry: () => void }) {
  if (recovery.state === "failed") {
    return (
      <Alert className={classes.notice} color="gray" title={s.failedTitle} role="alert" mb="sm">
        <Group justify="space-between" align="flex-end" gap="sm">
          <Text size="sm">{s.failed}</Text>
          <Button size="xs" variant="default" onClick={onRetry}>
            {s.retry}
          </Button>
        </Group>
      </Alert>
    );
  }
  // One that works at once needs no word.
  if (recovery.state !== "trying" || recovery.attempt === 0) {
    return null;
  }
  return (
    <div className={classes.recovering} role="status">
      <Loader size={14} aria-hidden />
      <Text size="sm">{s.trying}</Text>
      <Button size="compact-xs" variant="subtle" onClick={onRetry}>
        {s.retry}
      </Button>
    </div>
  );
}
