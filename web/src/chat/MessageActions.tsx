import { ActionIcon, CopyButton, Group, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconRefresh } from "@tabler/icons-react";
import { strings } from "~/strings";
import classes from "./chat.module.css";

interface Props {
  /** What to copy; nothing to copy when empty. */
  text: string;
  onRegenerate?: () => void;
  /** Show the buttons without a pointer near. */
  always: boolean;
}

/** What can be done with a message. */
export function MessageActions({ text, onRegenerate, always }: Props) {
  return (
    <Group gap={4} className={classes.actions} data-always={always || undefined}>
      {text !== "" && (
        <CopyButton value={text} timeout={2000}>
          {({ copied, copy }) => {
            const label = copied ? strings.chat.copied : strings.chat.copy;
            const Icon = copied ? IconCheck : IconCopy;
            return (
              <Tooltip label={label}>
                <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={copy}>
                  <Icon size={16} />
                </ActionIcon>
              </Tooltip>
            );
          }}
        </CopyButton>
      )}
      {onRegenerate && (
        <Tooltip label={strings.problems.tryAgain}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={strings.problems.tryAgain}
            onClick={onRegenerate}
          >
            <IconRefresh size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}
