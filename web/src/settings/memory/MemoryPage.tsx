import { Button, Switch, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type MemoryList, memoriesQuery } from "~/api/memories";
import { settingsStrings } from "~/strings/settings";
import { ConfirmDialog } from "../ConfirmDialog";
import { Loaded } from "../Loaded";
import { Row, Section } from "../Section";
import { SettingsPage } from "../SettingsPage";
import classes from "../settings.module.css";
import { useKept } from "../useKept";
import { useSettings } from "../useSettings";
import { NoteForm } from "./NoteForm";
import { NoteRow } from "./NoteRow";
import { useNotes } from "./useNotes";

const s = settingsStrings.memory;

/** What models know of the user in every conversation: whether they do, and the notes. */
export function MemoryPage() {
  const notes = useQuery(memoriesQuery);
  return (
    <SettingsPage title={settingsStrings.nav.memory} lead={s.lead}>
      <Use />
      <Section
        title={s.notes}
        aside={
          notes.data && (
            <Text size="sm" c="dimmed">
              {s.of(notes.data.items.length, notes.data.limit)}
            </Text>
          )
        }
      >
        <Loaded query={notes} lines={4}>
          {(list) => <Notes {...list} />}
        </Loaded>
      </Section>
      {notes.data && notes.data.items.length > 0 && <Forget />}
    </SettingsPage>
  );
}

function Use() {
  const { query, save } = useSettings();
  return (
    <Section title={s.use}>
      <Loaded query={query} lines={1}>
        {({ memory }) => (
          <Row
            title={s.label}
            control={
              <Switch
                aria-label={s.label}
                checked={memory}
                onChange={(event) => save.mutate({ memory: event.currentTarget.checked })}
              />
            }
          >
            {s.help}
          </Row>
        )}
      </Loaded>
    </Section>
  );
}

function Notes({ items, limit }: MemoryList) {
  const { add } = useNotes();
  const [draft, keep] = useKept("note");
  return (
    <>
      <div className={classes.pad}>
        <NoteForm
          label={s.addLabel}
          submit={s.add}
          text={draft ?? ""}
          onText={keep}
          busy={add.isPending}
          refused={items.length >= limit ? s.full(limit) : undefined}
          onSend={(content) => add.mutate(content, { onSuccess: () => keep(undefined) })}
        />
      </div>
      {items.length === 0 ? (
        <div className={classes.empty}>
          <Text fw={550}>{s.emptyTitle}</Text>
          <Text size="sm" c="dimmed">
            {s.empty}
          </Text>
        </div>
      ) : (
        <ul className={classes.list} aria-label={s.notes}>
          {items.map((note) => (
            <li key={note.id}>
              <NoteRow note={note} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Forget() {
  const { clear } = useNotes();
  const [asking, ask] = useDisclosure();
  return (
    <Section title={s.forget}>
      <Row
        title={s.forgetLabel}
        control={
          <Button size="xs" variant="default" c="red" loading={clear.isPending} onClick={ask.open}>
            {s.forget}
          </Button>
        }
      >
        {s.forgetHelp}
      </Row>
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.forgetTitle}
        action={s.forget}
        onConfirm={() => clear.mutate()}
      >
        {s.forgetText}
      </ConfirmDialog>
    </Section>
  );
}
