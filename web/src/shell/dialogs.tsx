import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { strings } from "~/strings";

const s = strings.list;

interface RenameProps {
  opened: boolean;
  title: string;
  onClose: () => void;
  onSave: (title: string) => void;
}

export function RenameDialog({ opened, title, onClose, onSave }: RenameProps) {
  const [value, setValue] = useState(title);
  useEffect(() => {
    if (opened) {
      setValue(title);
    }
  }, [opened, title]);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const next = value.trim();
    if (next !== "" && next !== title) {
      onSave(next);
    }
    onClose();
  };
  return (
    <Modal opened={opened} onClose={onClose} title={s.renameTitle} centered>
      <form onSubmit={save}>
        <Stack>
          <TextInput
            label={s.renameLabel}
            value={value}
            maxLength={200}
            onChange={(event) => setValue(event.currentTarget.value)}
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

interface DeleteProps {
  opened: boolean;
  title: string;
  onClose: () => void;
  onDelete: () => void;
}

export function DeleteDialog({ opened, title, onClose, onDelete }: DeleteProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={s.deleteTitle} centered>
      <Stack>
        <Text size="sm">{s.deleteText(title)}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {s.cancel}
          </Button>
          <Button
            color="red"
            onClick={() => {
              onClose();
              onDelete();
            }}
          >
            {s.delete}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
