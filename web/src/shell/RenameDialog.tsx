import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { strings } from "~/strings";

const s = strings.list;

interface Props {
  title: string;
  onClose: () => void;
  onSave: (title: string) => void;
}

/** Asks for another name of a conversation. */
export default function RenameDialog({ title, onClose, onSave }: Props) {
  const [value, setValue] = useState(title);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const next = value.trim();
    if (next !== "" && next !== title) {
      onSave(next);
    }
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={s.renameTitle} centered>
      <form onSubmit={save}>
        <Stack>
          <TextInput
            label={s.renameLabel}
            value={value}
            maxLength={200}
            onChange={(event) => setValue(event.currentTarget.value)}
            onFocus={(event) => event.currentTarget.select()}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {s.cancel}
            </Button>
            <Button type="submit" disabled={value.trim() === ""}>
              {s.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
