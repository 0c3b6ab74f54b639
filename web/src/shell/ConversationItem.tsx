import { ActionIcon, Loader, Menu } from "@mantine/core";
import {
  IconArchive,
  IconDots,
  IconPencil,
  IconPin,
  IconPinnedOff,
  IconShare2,
  IconTrash,
} from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState } from "react";
import type { Conversation } from "~/api/types";
import { strings } from "~/strings";
import classes from "./shell.module.css";
import { useConversationActions } from "./useConversationActions";

const s = strings.list;

const RenameDialog = lazy(() => import("./RenameDialog"));
const ShareDialog = lazy(() => import("~/share/ShareDialog"));

/** One conversation in the list, with what can be done to it. */
export function ConversationItem({ conversation }: { conversation: Conversation }) {
  const { id, pinned, running } = conversation;
  const archived = conversation.archivedAt !== null;
  const title = conversation.title || s.untitled;
  const active = useParams({ strict: false }).conversationId === id;
  const actions = useConversationActions(conversation);
  const [renaming, setRenaming] = useState(false);
  const [sharing, setSharing] = useState(false);
  const menu = useRef<HTMLButtonElement>(null);

  return (
    <li className={classes.item} data-active={active || undefined}>
      <Link
        to="/c/$conversationId"
        params={{ conversationId: id }}
        className={classes.link}
        aria-current={active ? "page" : undefined}
        title={title}
        data-conversation={id}
      >
        {running && <Loader size={12} role="img" aria-label={s.running} />}
        <span className={classes.title}>{title}</span>
      </Link>
      <Menu position="bottom-end" withinPortal width={210}>
        <Menu.Target>
          <ActionIcon
            ref={menu}
            variant="subtle"
            color="gray"
            className={classes.menu}
            aria-label={s.actions(title)}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setRenaming(true)}>
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
          <Menu.Item leftSection={<IconArchive size={16} />} onClick={() => actions.archive(!archived)}>
            {archived ? s.unarchive : s.archiveOne}
          </Menu.Item>
          <Menu.Item leftSection={<IconShare2 size={16} />} onClick={() => setSharing(true)}>
            {s.share}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={actions.remove}>
            {s.delete}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {sharing && (
        <Suspense>
          <ShareDialog
            conversation={conversation}
            onClose={() => {
              setSharing(false);
              menu.current?.focus();
            }}
          />
        </Suspense>
      )}
      {renaming && (
        <Suspense>
          <RenameDialog
            title={conversation.title}
            onClose={() => {
              setRenaming(false);
              menu.current?.focus();
            }}
            onSave={(next) => actions.update({ title: next })}
          />
        </Suspense>
      )}
    </li>
  );
}
