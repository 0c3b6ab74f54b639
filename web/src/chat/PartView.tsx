import { getToolName, isToolUIPart } from "ai";
import { lazy, Suspense } from "react";
import classes from "./chat.module.css";
import { FilePart } from "./FilePart";
import type { ChatPart } from "./message";
import { Reasoning } from "./Reasoning";
import { ToolCall } from "./ToolCall";

// Markdown is half of the page's weight: until it is there, text is shown as it is.
const Markdown = lazy(() => import("./Markdown"));

interface Props {
  part: ChatPart;
  /** The part is still growing. */
  streaming: boolean;
}

/** One part of a reply. Kinds that this version does not know are left out. */
export function PartView({ part, streaming }: Props) {
  if (isToolUIPart(part)) {
    return <ToolCall name={getToolName(part)} part={part} />;
  }
  switch (part.type) {
    case "text":
      return (
        <Suspense fallback={<div className={classes.plain}>{part.text}</div>}>
          <Markdown text={part.text} streaming={streaming} />
        </Suspense>
      );
    case "reasoning":
      return part.text === "" && !streaming ? null : <Reasoning text={part.text} streaming={streaming} />;
    case "file":
      return <FilePart part={part} />;
    default:
      return null;
  }
}
