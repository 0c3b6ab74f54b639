import { Button, CloseButton, Group, Stack } from "@mantine/core";
import { IconArchive, IconArrowLeft, IconEdit } from "@tabler/icons-react";
import { useState } from "react";
import { ButtonLink } from "~/shell/links";
import { strings } from "~/strings";
import { AccountMenu } from "./AccountMenu";
import { ConversationList } from "./ConversationList";
import { Logo } from "./Logo";
import classes from "./shell.module.css";
import { UsageMeter } from "./UsageMeter";

const s = strings.list;

/** New chat, the conversations, what is used up, and the account. */
export function Sidebar({ onClose }: { onClose: () => void }) {
  const [archived, setArchived] = useState(false);
  return (
    <>
      <Group justify="space-between" px="md" pt="md" pb="sm">
        <Logo size={24} />
        <CloseButton className={classes.narrow} aria-label={strings.shell.closeMenu} onClick={onClose} />
      </Group>
      <Stack px="sm" gap="xs">
        <ButtonLink
          to="/"
          variant="default"
          leftSection={<IconEdit size={18} />}
          justify="flex-start"
          onClick={onClose}
        >
          {s.newChat}
        </ButtonLink>
      </Stack>
      <nav className={classes.list} aria-label={archived ? s.archive : s.label}>
        <ConversationList key={String(archived)} archived={archived} />
      </nav>
      <div className={classes.footer}>
        <Stack gap="sm">
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            justify="flex-start"
            mx={-8}
            leftSection={archived ? <IconArrowLeft size={16} /> : <IconArchive size={16} />}
            onClick={() => setArchived(!archived)}
          >
            {archived ? s.backToAll : s.archive}
          </Button>
          <UsageMeter />
          <AccountMenu />
        </Stack>
      </div>
    </>
  );
}
