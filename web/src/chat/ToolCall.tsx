import { IconTool } from "@tabler/icons-react";
import type { DynamicToolUIPart, ToolUIPart } from "ai";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { Fold } from "./Fold";

const s = strings.chat;

type Part = ToolUIPart | DynamicToolUIPart;

function stateOf(part: Part): { label: string; busy: boolean } {
  switch (part.state) {
    case "output-available":
      return { label: s.toolDone, busy: false };
    case "output-error":
      return { label: s.toolFailed, busy: false };
    case "output-denied":
      return { label: s.toolDenied, busy: false };
    default:
      return { label: s.toolRunning, busy: true };
  }
}

/** A value as people read it: text as it is, everything else as indented JSON. */
export function readable(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** A call of a tool: its name and how it stands; opened, what went in and what came out. */
export function ToolCall({ name, part }: { name: string; part: Part }) {
  const { label, busy } = stateOf(part);
  return (
    <Fold
      icon={<IconTool size={16} />}
      busy={busy}
      label={
        <>
          <strong>{part.title ?? name}</strong> <span className={classes.state}>{label}</span>
        </>
      }
    >
      {part.input !== undefined && <Block title={s.toolInput} text={readable(part.input)} />}
      {part.state === "output-available" && <Block title={s.toolOutput} text={readable(part.output)} />}
      {part.state === "output-error" && <Block title={s.toolError} text={part.errorText} />}
    </Fold>
  );
}

function Block({ title, text }: { title: string; text: string }) {
  return (
    <figure className={classes.value}>
      <figcaption>{title}</figcaption>
      <pre>{text}</pre>
    </figure>
  );
}
