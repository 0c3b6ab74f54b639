import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconMessage } from "@tabler/icons-react";
import { useState } from "react";
import type { Memory } from "~/api/memories";
import { AnchorLink } from "~/shell/links";
import { settingsStrings } from "~/strings/settings";
import { ConfirmDialog } from "../ConfirmDialog";
import { ago } from "../format";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { useReturnFocus } from "../useReturnFocus";
import styles from "./memory.module.css";
import { NoteForm } from "./NoteForm";
import { useNotes } from "./useNotes";

const s = settingsStrings.memory;

/** The beginning of a text, to name it by. */
function short(text: string): string {
  const characters = [...text];
  return characters.length <= 60 ? text : `${characters.slice(0, 60).join("")}…`;
}

/** One note: what it says, whose words it is in, and what can be done with it. */
export function NoteRow({ note }: { note: Memory }) {
  const { change, remove } = useNotes();
  const [draft, setDraft] = useState<string>();
  const [removing, ask] = useDisclosure();
  const edit = useReturnFocus(draft !== undefined);

  const name = short(note.content);
  if (draft !== undefined) {
    return (
      <div className={classes.pad}>
        <NoteForm
          label={s.editLabel}
          submit={settingsStrings.common.save}
          text={draft}
          onText={setDraft}
          busy={change.isPending}
          onSend={(content) =>
            change.mutate({ id: note.id, content }, { onSuccess: () => setDraft(undefined) })
          }
          onCancel={() => setDraft(undefined)}
        />
      </div>
    );
  }
  return (
    <div className={classes.pad}>
      <p className={styles.note}>{note.content}</p>
      <div className={styles.foot}>
        <Group gap="xs">
          <Tag color={note.source === "model" ? "indigo" : "gray"}>{s.sources[note.source]}</Tag>
          {note.conversationId !== null && (
            <AnchorLink
              size="sm"
              to="/c/$conversationId"
              params={{ conversationId: note.conversationId }}
              className={styles.link}
            >
              <IconMessage size={14} aria-hidden /> {s.conversation}
            </AnchorLink>
          )}
          <Text size="sm" c="dimmed">
            {ago(note.updatedAt)}
          </Text>
        </Group>
        <Group gap={6}>
          <Button
            ref={edit}
            size="compact-sm"
            variant="default"
            aria-label={s.editOf(name)}
            onClick={() => setDraft(note.content)}
          >
            {settingsStrings.common.edit}
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            color="red"
            aria-label={s.deleteOf(name)}
            onClick={ask.open}
          >
            {s.delete}
          </Button>
        </Group>
      </div>
      <ConfirmDialog
        opened={removing}
        onClose={ask.close}
        title={s.deleteTitle}
        action={s.delete}
        onConfirm={() => remove.mutate(note.id)}
      >
        <p className={styles.note}>{note.content}</p>
      </ConfirmDialog>
    </div>
  );
}
