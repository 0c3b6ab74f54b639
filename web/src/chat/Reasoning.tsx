import { IconBrain } from "@tabler/icons-react";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { Fold } from "./Fold";

/** The model's thoughts, folded: there for who wants them. */
export function Reasoning({ text, streaming }: { text: string; streaming: boolean }) {
  return (
    <Fold
      icon={<IconBrain size={16} />}
      label={streaming ? strings.chat.thinking : strings.chat.thought}
      busy={streaming}
    >
      <div className={classes.thoughts}>{text}</div>
    </Fold>
  );
}
