import { Text, VisuallyHidden } from "@mantine/core";
import { memo } from "react";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { MessageActions } from "./MessageActions";
import { type ChatMessage, textOf } from "./message";
import { PartView } from "./PartView";
import { Sources } from "./Sources";

interface Props {
  message: ChatMessage;
  streaming: boolean;
  /** Given for the newest message while no reply is being written. */
  onRegenerate?: () => void;
}

/** One message: what the user said in a bubble, a reply as plain text with its parts in order. */
export const MessageView = memo(
  function MessageView({ message, streaming, onRegenerate }: Props) {
    if (message.role === "user") {
      return (
        <>
          <article className={classes.mine}>
            <VisuallyHidden>{strings.chat.you}</VisuallyHidden>
            <div className={classes.bubble}>{textOf(message)}</div>
          </article>
          {onRegenerate && <MessageActions text="" onRegenerate={onRegenerate} always />}
        </>
      );
    }
    const note = streaming ? undefined : ending(message);
    return (
      <article className={classes.reply} aria-busy={streaming}>
        <VisuallyHidden>{strings.chat.assistant}</VisuallyHidden>
        {message.parts.map((part, index) => (
          // Parts are only ever appended, so the place is an identity.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <PartView key={index} part={part} streaming={streaming && index === message.parts.length - 1} />
        ))}
        <Sources parts={message.parts} />
        {note && (
          <Text size="sm" c="dimmed" fs="italic">
            {note}
          </Text>
        )}
        {!streaming && (
          <MessageActions
            text={textOf(message)}
            onRegenerate={onRegenerate}
            always={onRegenerate !== undefined}
          />
        )}
      </article>
    );
  },
  (before, after) =>
    before.message === after.message &&
    before.streaming === after.streaming &&
    (before.onRegenerate === undefined) === (after.onRegenerate === undefined),
);

/** Says so when a reply did not come to its own end. */
function ending({ metadata }: ChatMessage): string | undefined {
  const s = strings.chat;
  switch (metadata?.status) {
    case "aborted":
      return s.stopped;
    case "interrupted":
      return metadata.finishReason === "length" ? s.cutShort : s.interrupted;
    case "failed":
      return s.failedReply;
  }
  switch (metadata?.finishReason) {
    case "length":
      return s.cutShort;
    case "content-filter":
      return s.filtered;
  }
  return undefined;
}
