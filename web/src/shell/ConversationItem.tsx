import { ActionIcon, Loader, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconArchive, IconDots, IconPencil, IconPin, IconPinnedOff, IconTrash } from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import type { Conversation } from "~/api/types";
import { strings } from "~/strings";
import { DeleteDialog, RenameDialog } from "./dialogs";
import classes from "./shell.module.css";
import { useConversationActions } from "./useConversationActions";

const s = strings.list;

/** One conversation in the list, with what can be done to it. */
export function ConversationItem({ conversation }: { conversation: Conversation }) {
  const { id, pinned, running } = conversation;
  const archived = conversation.archivedAt !== null;
  const title = conversation.title || s.untitled;
  const active = useParams({ strict: false }).conversationId === id;
  const actions = useConversationActions(conversation);
  const [renaming, rename] = useDisclosure();
  const [deleting, remove] = useDisclosure();

  return (
    <li className={classes.item} data-active={active || undefined}>
      <Link
        to="/c/$conversationId"
        params={{ conversationId: id }}
        className={classes.link}
        aria-current={active ? "page" : undefined}
        title={title}
      >
        {running && <Loader size={12} aria-label={s.running} />}
        <span className={classes.title}>{title}</span>
      </Link>
      <Menu position="bottom-end" withinPortal width={210}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" className={classes.menu} aria-label={s.actions(title)}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={rename.open}>
            {s.rename}
          </Menu.Item>
          {!archived && (
            <Menu.Item
              leftSection={pinned ? <IconPinnedOff size={16} /> : <IconPin size={16} />}
              onClick={() => actions.update({ pinned: !pinned })}
            >
              {pinned ? s.unpin : s.pin}
            </Menu.Item>
          )}
          <Menu.Item
            leftSection={<IconArchive size={16} />}
            onClick={() => actions.update({ archived: !archived })}
          >
            {archived ? s.unarchive : s.archiveOne}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove.open}>
            {s.delete}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <RenameDialog
        opened={renaming}
        title={conversation.title}
        onClose={rename.close}
        onSave={(next) => actions.update({ title: next })}
      />
      <DeleteDialog opened={deleting} title={title} onClose={remove.close} onDelete={actions.remove} />
    </li>
  );
}
