import { ActionIcon, Button, CloseButton, Group, Kbd, Stack, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconArchive,
  IconArrowLeft,
  IconEdit,
  IconLayoutSidebarLeftCollapse,
  IconSearch,
} from "@tabler/icons-react";
import { useState } from "react";
import { ButtonLink } from "~/shell/links";
import { strings } from "~/strings";
import { AccountMenu } from "./AccountMenu";
import { ConversationList } from "./ConversationList";
import { Logo } from "./Logo";
import { openDialog } from "./overlays";
import classes from "./shell.module.css";
import { keyNames, keys } from "./shortcuts";
import { UsageMeter } from "./UsageMeter";

const s = strings.list;

/** New chat, the conversations, what is used up, and the account. */
export function Sidebar({ onClose, onCollapse }: { onClose: () => void; onCollapse: () => void }) {
  const [archived, setArchived] = useState(false);
  return (
    <>
      <Group justify="space-between" px="md" pt="md" pb="sm">
        <Logo size={24} />
        <CloseButton className={classes.narrow} aria-label={strings.shell.closeMenu} onClick={onClose} />
        <Tooltip label={strings.shell.closeMenu}>
          <ActionIcon
            className={classes.wide}
            variant="subtle"
            color="gray"
            aria-label={strings.shell.closeMenu}
            onClick={onCollapse}
          >
            <IconLayoutSidebarLeftCollapse size={18} />
          </ActionIcon>
        </Tooltip>
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
        <UnstyledButton
          className={classes.search}
          onClick={() => {
            onClose();
            openDialog("palette");
          }}
        >
          <IconSearch size={16} aria-hidden />
          <span>{strings.palette.open}</span>
          <Kbd size="xs">{keyNames(keys.palette).join(" ")}</Kbd>
        </UnstyledButton>
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
