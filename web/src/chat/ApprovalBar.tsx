import { Button, Group, Text } from "@mantine/core";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { useActions } from "./actions";
import { pendingApprovals } from "./approvals";
import classes from "./chat.module.css";
import type { ChatMessage } from "./message";
import type { Thread } from "./thread";

const s = strings.chat.approval;

/** Several calls wait for the user: answers them all at once. One alone is answered where it stands. */
export function ApprovalBar({ thread, message }: { thread: Thread; message: ChatMessage | undefined }) {
  const { decideAll } = useActions();
  const decisions = useCell(thread.decisions);
  const open = pendingApprovals(message).filter(({ approvalId }) => !decisions[approvalId]);
  if (pendingApprovals(message).length < 2 || open.length === 0) {
    return null;
  }
  const all = (approved: boolean) =>
    decideAll(Object.fromEntries(open.map(({ approvalId }) => [approvalId, { approved }])));
  return (
    <section className={classes.approvalBar} aria-label={s.title(open.length)}>
      <div>
        <Text size="sm" fw={600} role="status">
          {s.title(open.length)}
        </Text>
        <Text size="xs" c="dimmed">
          {s.hint}
        </Text>
      </div>
      <Group gap="xs">
        <Button size="xs" variant="default" onClick={() => all(false)}>
          {s.denyAll}
        </Button>
        <Button size="xs" onClick={() => all(true)}>
          {s.approveAll}
        </Button>
      </Group>
    </section>
  );
}
