import { Button, Text, VisuallyHidden } from "@mantine/core";
import { IconArrowForward, IconInfoCircle } from "@tabler/icons-react";
import { memo } from "react";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { useActions } from "./actions";
import { pendingApprovals } from "./approvals";
import classes from "./chat.module.css";
import { EditForm } from "./EditForm";
import { FilePart } from "./FilePart";
import { MessageActions } from "./MessageActions";
import { type ChatMessage, filesOf, textOf } from "./message";
import { PartView } from "./PartView";
import { Sources } from "./Sources";

export interface Props {
  message: ChatMessage;
  /** It is being written. */
  streaming: boolean;
  /** It is the newest one. */
  last: boolean;
  /** A reply is being written in this conversation, so nothing else can be begun. */
  busy: boolean;
  /** Something else offers to try again. */
  failed: boolean;
}

/** One message: what the user said in a bubble, a reply as plain text with its parts in order. */
export const MessageView = memo(function MessageView(props: Props) {
  return props.message.role === "user" ? <Mine {...props} /> : <Reply {...props} />;
});

function Mine({ message, last, busy, failed }: Props) {
  const { thread, regenerate } = useActions();
  const editing = useCell(thread.editing) === message.id;
  const text = textOf(message);
  const files = filesOf(message);
  return (
    <article className={classes.mine} data-editing={editing || undefined}>
      <VisuallyHidden component="h2">{strings.chat.you}</VisuallyHidden>
      {files.length > 0 && (
        <div className={classes.mineFiles}>
          {files.map((part) => (
            <FilePart key={part.url} part={part} />
          ))}
        </div>
      )}
      {editing ? (
        <EditForm message={message} />
      ) : (
        <>
          {text !== "" && <div className={classes.bubble}>{text}</div>}
          <MessageActions
            message={message}
            text={text}
            busy={busy}
            onEdit={busy ? undefined : () => thread.editing.set(message.id)}
            onRegenerate={last && !busy && !failed ? () => regenerate() : undefined}
            always={last && !busy && !failed}
          />
        </>
      )}
    </article>
  );
}

function Reply({ message, streaming, last, busy, failed }: Props) {
  const { regenerate } = useActions();
  const over = !streaming;
  return (
    <article className={classes.reply} aria-busy={streaming}>
      <VisuallyHidden component="h2">{strings.chat.assistant}</VisuallyHidden>
      {message.parts.map((part, index) => (
        <PartView
          // Parts are only ever appended, so the place is an identity.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          key={index}
          part={part}
          growing={streaming && index === message.parts.length - 1}
          streaming={streaming}
          answerable={last && !busy}
        />
      ))}
      <Sources parts={message.parts} />
      {over && <Ending message={message} last={last} offer={last && !busy && !failed} />}
      {streaming && <div className={classes.actions} />}
      {over && !(last && pendingApprovals(message).length > 0) && (
        <MessageActions
          message={message}
          text={textOf(message)}
          busy={busy}
          onRegenerate={busy || failed ? undefined : () => regenerate(message.id)}
          always={last && !busy}
        />
      )}
    </article>
  );
}

/** Says so when a reply did not come to its own end, and what was not available to it. */
function Ending({ message, last, offer }: { message: ChatMessage; last: boolean; offer: boolean }) {
  const { goOn } = useActions();
  const note = endingOf(message);
  const notices = [...(message.metadata?.notices ?? []), ...(last ? warningsOf(message) : [])];
  return (
    <>
      {notices.length > 0 && (
        <ul className={classes.notices} aria-label={strings.chat.notices}>
          {notices.map((notice) => (
            <li key={notice}>
              <IconInfoCircle size={15} aria-hidden /> {notice}
            </li>
          ))}
        </ul>
      )}
      {note && (
        <div className={classes.ending}>
          <Text size="sm" c="dimmed">
            {note.text}
          </Text>
          {note.goesOn && offer && (
            <Button
              size="compact-sm"
              variant="light"
              leftSection={<IconArrowForward size={15} />}
              onClick={goOn}
            >
              {strings.chat.continue}
            </Button>
          )}
        </div>
      )}
    </>
  );
}

/** Which limits are nearly reached, in words. */
function warningsOf({ metadata }: ChatMessage): string[] {
  const words = strings.chat.warnings;
  return (metadata?.warnings ?? []).flatMap(({ code, used, limit }) => words[code]?.(used, limit) ?? []);
}

/** How a reply ended, where it did not come to its own end, and whether it makes sense to ask for the rest. */
export function endingOf({ metadata }: ChatMessage): { text: string; goesOn: boolean } | undefined {
  const s = strings.chat;
  // A notice of the server says so, and there is nothing to go on with.
  if (metadata?.errorCode === "quota_cost") {
    return undefined;
  }
  switch (metadata?.status) {
    case "aborted":
      return { text: s.stopped, goesOn: true };
    case "interrupted":
      return { text: metadata.finishReason === "length" ? s.cutShort : s.interrupted, goesOn: true };
    case "failed":
      return { text: s.failedReply, goesOn: false };
  }
  switch (metadata?.finishReason) {
    case "length":
      return { text: s.cutShort, goesOn: true };
    case "content-filter":
      return { text: s.filtered, goesOn: false };
  }
  return undefined;
}
