import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { type AdminUserDetail, endSessions, reinstateUser, suspendUser } from "~/api/adminUsers";
import { ConfirmDialog } from "~/settings/ConfirmDialog";
import { Row, Section } from "~/settings/Section";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import classes from "../admin.module.css";
import { Fact } from "../Fact";
import { writeMoment } from "../format";
import { useUserChange } from "./useUserChange";

const s = adminStrings.users;

/** Who it is, their sessions, and keeping them out. */
export function AccountSection({ user }: { user: AdminUserDetail }) {
  return (
    <Section title={s.account}>
      <dl className={classes.facts}>
        <Fact name={s.id} value={user.id} />
        <Fact name={s.created} value={writeMoment(user.createdAt)} />
        <Fact
          name={s.sessions}
          value={user.sessions === null ? adminStrings.common.unknown : String(user.sessions)}
        />
      </dl>
      <Sessions user={user} />
      {user.state === "suspended" && <Reinstate user={user} />}
      {user.state === "active" && <Suspend user={user} />}
    </Section>
  );
}

function Sessions({ user: { id } }: { user: AdminUserDetail }) {
  const [asking, ask] = useDisclosure();
  const end = useUserChange(id, () => endSessions(id), s.endedSessions);
  return (
    <Row
      title={s.endSessions}
      control={
        <Button size="xs" variant="default" loading={end.isPending} onClick={ask.open}>
          {s.endSessions}
        </Button>
      }
    >
      {s.endSessionsText}
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.endSessionsQuestion}
        action={s.endSessions}
        onConfirm={() => end.mutate()}
      >
        {s.endSessionsText}
      </ConfirmDialog>
    </Row>
  );
}

function Reinstate({ user: { id } }: { user: AdminUserDetail }) {
  const [asking, ask] = useDisclosure();
  const reinstate = useUserChange(id, () => reinstateUser(id), s.reinstateDone);
  return (
    <Row
      title={s.reinstateRow}
      control={
        <Button size="xs" variant="default" loading={reinstate.isPending} onClick={ask.open}>
          {s.reinstate}
        </Button>
      }
    >
      {s.reinstateRowText}
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.reinstateQuestion}
        action={s.reinstate}
        onConfirm={() => reinstate.mutate()}
      >
        {s.reinstateRowText}
      </ConfirmDialog>
    </Row>
  );
}

/** The server's limit of a reason, in characters. */
const longest = 500;

function Suspend({ user: { id } }: { user: AdminUserDetail }) {
  const [asking, ask] = useDisclosure();
  const [reason, setReason] = useState("");
  const suspend = useUserChange(id, (why: string) => suspendUser(id, why), s.suspendDone);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    suspend.mutate(reason.trim(), { onSettled: ask.close });
  };
  return (
    <Row
      title={s.suspendRow}
      control={
        <Button size="xs" variant="light" color="red" onClick={ask.open}>
          {s.suspend}
        </Button>
      }
    >
      {s.suspendRowText}
      <Modal opened={asking} onClose={ask.close} title={s.suspendTitle} centered>
        <form onSubmit={submit}>
          <Stack>
            <Text size="sm">{s.suspendText}</Text>
            <Textarea
              label={s.reason}
              description={s.reasonHint}
              autosize
              minRows={2}
              maxRows={6}
              maxLength={longest}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              data-autofocus
            />
            <Group justify="flex-end">
              <Button variant="default" onClick={ask.close}>
                {settingsStrings.common.cancel}
              </Button>
              <Button type="submit" color="red" disabled={reason.trim() === ""} loading={suspend.isPending}>
                {s.suspend}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Row>
  );
}
