import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { settingsStrings } from "~/strings/settings";

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What is lost; a text stands in a paragraph of its own. */
  children: ReactNode;
  /** What is done, as the button says it. */
  action: string;
  onConfirm: () => void;
}

/** Asks before something is lost for good. */
export function ConfirmDialog({ opened, onClose, title, children, action, onConfirm }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} centered>
      <Stack>
        {typeof children === "string" ? <Text size="sm">{children}</Text> : children}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {settingsStrings.common.cancel}
          </Button>
          <Button
            color="red"
            onClick={() => {
              onClose();
              onConfirm();
            }}
          >
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
