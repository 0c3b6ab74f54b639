import { VisuallyHidden } from "@mantine/core";
import { memo, useRef } from "react";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { MessageView, type Props } from "./MessageView";
import { type ChatMessage, textOf } from "./message";
import { useNear } from "./useNear";

interface ItemProps extends Props {
  /** It is laid out only near the screen. */
  far: boolean;
  /** It is one of many that came at once: only its text is there until it comes near the screen. */
  plain: boolean;
}

/** The place of a message in the list. */
export function MessageItem({ far, plain, ...view }: ItemProps) {
  const item = useRef<HTMLDivElement>(null);
  const near = useNear(item, !plain);
  return (
    <div ref={item} className={classes.item} data-far={far || undefined} data-message={view.message.id}>
      {near ? <MessageView {...view} /> : <Plain message={view.message} />}
    </div>
  );
}

/** What a message says and nothing else, which costs little; it can be searched for on the page and read aloud. */
const Plain = memo(function Plain({ message }: { message: ChatMessage }) {
  const mine = message.role === "user";
  return (
    <article className={mine ? classes.mine : classes.reply}>
      <VisuallyHidden component="h2">{mine ? strings.chat.you : strings.chat.assistant}</VisuallyHidden>
      <div className={mine ? classes.bubble : classes.plain}>{textOf(message)}</div>
    </article>
  );
});
