import { lazy, Suspense } from "react";
import classes from "./chat.module.css";
import { FilePart } from "./FilePart";
import { type ChatPart, isToolPart, toolNameOf } from "./message";
import { Reasoning } from "./Reasoning";
import { ToolCall } from "./ToolCall";

// Markdown is half of the page's weight: until it is there, text is shown as it is.
const Markdown = lazy(() => import("./Markdown"));

interface Props {
  part: ChatPart;
  /** The part is still growing. */
  growing: boolean;
  /** The reply is being written. */
  streaming: boolean;
  /** Requests for approval can be answered. */
  answerable: boolean;
}

/** One part of a reply. Kinds that this version does not know are left out. */
export function PartView({ part, growing, streaming, answerable }: Props) {
  if (isToolPart(part)) {
    return <ToolCall name={toolNameOf(part)} part={part} streaming={streaming} answerable={answerable} />;
  }
  switch (part.type) {
    case "text":
      return (
        <Suspense fallback={<div className={classes.plain}>{part.text}</div>}>
          <Markdown text={part.text} streaming={growing} />
        </Suspense>
      );
    case "reasoning":
      return part.text === "" && !growing ? null : <Reasoning text={part.text} streaming={growing} />;
    case "file":
      return <FilePart part={part} pending={streaming} />;
    default:
      return null;
  }
}
