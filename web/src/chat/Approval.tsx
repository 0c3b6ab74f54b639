import { Button, Group, Text, TextInput } from "@mantine/core";
import { IconShieldQuestion } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { useActions } from "./actions";
import { maxReason } from "./approvals";
import classes from "./chat.module.css";

const s = strings.chat.approval;

interface Props {
  approvalId: string;
  /** The tool's name. */
  title: string;
  /** What it would be called with. */
  children: ReactNode;
}

/** A call that waits for the user's word. What was answered can be changed until all of a reply's calls are. */
export function Approval({ approvalId, title, children }: Props) {
  const { thread, decide } = useActions();
  const decision = useCell(thread.decisions)[approvalId];
  const [denying, setDenying] = useState(false);
  const [reason, setReason] = useState("");

  const deny = (event: FormEvent) => {
    event.preventDefault();
    setDenying(false);
    const text = reason.trim();
    decide(approvalId, { approved: false, ...(text ? { reason: text } : {}) });
  };
  return (
    <section className={classes.approval} aria-label={`${title}: ${s.ask}`}>
      <div className={classes.approvalHead}>
        <IconShieldQuestion size={20} aria-hidden />
        <Text component="h3" size="sm" fw={600}>
          {title}
        </Text>
        <Text size="sm" c="dimmed">
          {s.waiting}
        </Text>
      </div>
      {children}
      {decision ? (
        <Group gap="xs" justify="flex-end">
          <Text size="sm" c="dimmed" role="status">
            {decision.approved ? s.willApprove : s.willDeny}
          </Text>
          <Button size="xs" variant="default" onClick={() => decide(approvalId, undefined)}>
            {s.change}
          </Button>
        </Group>
      ) : denying ? (
        <form onSubmit={deny}>
          <TextInput
            size="sm"
            label={s.reason}
            description={s.reasonHint}
            maxLength={maxReason}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            autoFocus
            mb="sm"
          />
          <Group gap="xs" justify="flex-end">
            <Button size="xs" variant="default" onClick={() => setDenying(false)}>
              {s.cancel}
            </Button>
            <Button size="xs" color="red.9" type="submit">
              {s.confirmDeny}
            </Button>
          </Group>
        </form>
      ) : (
        <Group gap="xs" justify="flex-end">
          <Button size="xs" variant="default" onClick={() => setDenying(true)}>
            {s.deny}
          </Button>
          <Button size="xs" onClick={() => decide(approvalId, { approved: true })}>
            {s.approve}
          </Button>
        </Group>
      )}
    </section>
  );
}
