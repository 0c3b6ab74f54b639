import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Announcement,
  allAnnouncementsQuery,
  announcementsQuery,
  changeAnnouncement,
  deleteAnnouncement,
} from "~/api/announcements";
import { ConfirmDialog } from "~/settings/ConfirmDialog";
import { Loaded } from "~/settings/Loaded";
import { failed, succeeded } from "~/settings/notices";
import { Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { Tag } from "~/settings/Tag";
import { useReturnFocus } from "~/settings/useReturnFocus";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { writeMoment } from "../format";
import { AnnouncementForm } from "./AnnouncementForm";
import { stateOf } from "./period";

const s = adminStrings.announcements;

/** What everybody is told, was told and will be told. */
export function AnnouncementsPage() {
  const query = useQuery(allAnnouncementsQuery);
  const [making, setMaking] = useState(false);
  const make = useReturnFocus(making);
  return (
    <AdminPage
      title={adminStrings.nav.announcements}
      lead={s.lead}
      aside={
        !making && (
          <Button size="xs" ref={make} onClick={() => setMaking(true)}>
            {s.create}
          </Button>
        )
      }
    >
      {making && (
        <Section title={s.create}>
          <AnnouncementForm onDone={() => setMaking(false)} />
        </Section>
      )}
      <Loaded query={query} lines={5}>
        {(all) =>
          all.length === 0 ? (
            <Text c="dimmed">{s.empty}</Text>
          ) : (
            <ul className={`${settings.card} ${settings.list}`}>
              {all.map((one) => (
                <Row key={one.id} one={one} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </AdminPage>
  );
}

function Row({ one }: { one: Announcement }) {
  const [changing, setChanging] = useState(false);
  const change = useReturnFocus(changing);
  if (changing) {
    return (
      <li className={classes.entry}>
        <AnnouncementForm announcement={one} onDone={() => setChanging(false)} />
      </li>
    );
  }
  const state = stateOf(one);
  const colors = { info: "indigo", warning: "orange", critical: "orange" } as const;
  const period = state === "later" ? s.comingPeriod : s.period;
  return (
    <li className={classes.entry}>
      <Group gap="xs" mb={6}>
        <Tag color={colors[one.level]}>{s.levels[one.level]}</Tag>
        <Tag color={state === "now" ? "teal" : "gray"}>{s.states[state]}</Tag>
        <Text size="sm" c="dimmed" span>
          {period(writeMoment(one.startsAt), one.endsAt === null ? undefined : writeMoment(one.endsAt))}
        </Text>
      </Group>
      <p className={classes.text}>{one.text}</p>
      <Group gap="xs" mt="xs">
        <Button size="compact-xs" variant="default" ref={change} onClick={() => setChanging(true)}>
          {s.edit}
        </Button>
        {state === "now" && <End one={one} />}
        <Delete one={one} />
      </Group>
    </li>
  );
}

function useRefresh() {
  const cache = useQueryClient();
  return () =>
    Promise.all([
      cache.invalidateQueries({ queryKey: allAnnouncementsQuery.queryKey }),
      cache.invalidateQueries({ queryKey: announcementsQuery.queryKey }),
    ]);
}

function End({ one: { id, level, text, startsAt } }: { one: Announcement }) {
  const [asking, ask] = useDisclosure();
  const refresh = useRefresh();
  const end = useMutation({
    // In a moment, as the server counts: an end that has passed is refused.
    mutationFn: () =>
      changeAnnouncement(id, { level, text, startsAt, endsAt: new Date(Date.now() + 2000).toISOString() }),
    onSuccess: () => succeeded(s.ended),
    onError: (error) => failed(s.endFailed, error),
    onSettled: refresh,
  });
  return (
    <>
      <Button size="compact-xs" variant="default" loading={end.isPending} onClick={ask.open}>
        {s.end}
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.endQuestion}
        action={s.end}
        onConfirm={() => end.mutate()}
      >
        {s.endText}
      </ConfirmDialog>
    </>
  );
}

function Delete({ one: { id } }: { one: Announcement }) {
  const [asking, ask] = useDisclosure();
  const refresh = useRefresh();
  const remove = useMutation({
    mutationFn: () => deleteAnnouncement(id),
    onSuccess: () => succeeded(s.deleted),
    onError: (error) => failed(s.deleteFailed, error),
    onSettled: refresh,
  });
  return (
    <>
      <Button size="compact-xs" variant="light" color="red" loading={remove.isPending} onClick={ask.open}>
        {s.delete}
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.deleteQuestion}
        action={s.delete}
        onConfirm={() => remove.mutate()}
      >
        {s.deleteText}
      </ConfirmDialog>
    </>
  );
}
