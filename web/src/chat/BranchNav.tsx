import { ActionIcon } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { strings } from "~/strings";
import { useActions } from "./actions";
import classes from "./chat.module.css";
import type { ChatMessage } from "./message";

const s = strings.chat.branch;

/** Flips through the versions of a message; nothing where there is one. */
export function BranchNav({ message, disabled }: { message: ChatMessage; disabled: boolean }) {
  const { flip } = useActions();
  const [flipping, setFlipping] = useState(false);
  const branch = message.metadata?.branch;
  if (!branch || branch.count < 2) {
    return null;
  }
  const go = async (by: number) => {
    setFlipping(true);
    await flip(message, by);
    setFlipping(false);
  };
  const { position, count } = branch;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls
    <div className={classes.branch} role="group" aria-label={s.label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={s.previous}
        disabled={disabled || flipping || position <= 1}
        onClick={() => void go(-1)}
      >
        <IconChevronLeft size={15} />
      </ActionIcon>
      <span role="status" aria-label={s.placeLong(position, count)}>
        {s.place(position, count)}
      </span>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={s.next}
        disabled={disabled || flipping || position >= count}
        onClick={() => void go(1)}
      >
        <IconChevronRight size={15} />
      </ActionIcon>
    </div>
  );
}
