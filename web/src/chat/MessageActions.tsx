import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconPencil, IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { strings } from "~/strings";
import { BranchNav } from "./BranchNav";
import classes from "./chat.module.css";
import type { ChatMessage } from "./message";

const s = strings.chat;

interface Props {
  message: ChatMessage;
  /** What to copy; nothing to copy when empty. */
  text: string;
  busy: boolean;
  onEdit?: () => void;
  onRegenerate?: () => void;
  /** Show the buttons without a pointer near. */
  always: boolean;
}

/** What can be done with a message. */
export function MessageActions({ message, text, busy, onEdit, onRegenerate, always }: Props) {
  return (
    <div className={classes.actions} data-always={always || undefined}>
      <BranchNav message={message} disabled={busy} />
      {text !== "" && (
        <CopyButton value={text} timeout={2000}>
          {({ copied, copy }) => (
            <Action label={copied ? s.copied : s.copy} onClick={copy}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </Action>
          )}
        </CopyButton>
      )}
      {onEdit && (
        <Action label={s.edit} onClick={onEdit}>
          <IconPencil size={16} />
        </Action>
      )}
      {onRegenerate && (
        <Action label={s.regenerate} onClick={onRegenerate}>
          <IconRefresh size={16} />
        </Action>
      )}
    </div>
  );
}

function Action({ label, onClick, children }: { label: string; onClick: () => void; children: ReactNode }) {
  return (
    <Tooltip label={label} openDelay={400}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
