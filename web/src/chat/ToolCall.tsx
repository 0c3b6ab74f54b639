import { IconTool } from "@tabler/icons-react";
import { strings } from "~/strings";
import { Approval } from "./Approval";
import classes from "./chat.module.css";
import { Fold } from "./Fold";
import { MemoryChange, memoryChange, memoryTool } from "./MemoryChange";
import type { ToolPart } from "./message";

const s = strings.chat;

interface Props {
  name: string;
  part: ToolPart;
  /** Its reply is the newest message and over: a request for approval can be answered. */
  answerable: boolean;
  /** Its reply is being written. */
  streaming: boolean;
}

function stateOf(part: ToolPart, streaming: boolean): { label: string; busy: boolean } {
  switch (part.state) {
    case "output-available":
      return { label: s.toolDone, busy: false };
    case "output-error":
      return { label: s.toolFailed, busy: false };
    case "output-denied":
      return { label: s.toolDenied, busy: false };
    case "approval-requested":
      return { label: s.approval.unanswered, busy: false };
    case "approval-responded":
      return part.approval.approved && streaming
        ? { label: s.toolRunning, busy: true }
        : { label: part.approval.approved ? s.approval.approved : s.approval.denied, busy: false };
    default:
      return streaming ? { label: s.toolRunning, busy: true } : { label: s.toolStopped, busy: false };
  }
}

/** A value as people read it: text as it is, everything else as indented JSON. */
export function readable(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** The tool's name as people read it: the server, then the tool. */
export function readableName(name: string): string {
  return name.replace(/__/, " · ").replace(/_/g, " ");
}

/** A call of a tool: its name and how it stands; opened, what went in and what came out. */
export function ToolCall({ name, part, answerable, streaming }: Props) {
  const { label, busy } = stateOf(part, streaming);
  const title = part.title ?? readableName(name);
  if (part.state === "approval-requested" && answerable) {
    return (
      <Approval approvalId={part.approval.id} title={title}>
        <Input name={name} input={part.input} />
      </Approval>
    );
  }
  const reason = "approval" in part ? part.approval?.reason : undefined;
  return (
    <Fold
      icon={<IconTool size={16} />}
      busy={busy}
      failed={part.state === "output-error"}
      label={
        <>
          <strong>{title}</strong> <span className={classes.state}>{label}</span>
        </>
      }
    >
      {part.input !== undefined && <Input name={name} input={part.input} />}
      {part.state === "output-available" && <Block title={s.toolOutput} text={readable(part.output)} />}
      {part.state === "output-error" && <Block title={s.toolError} text={part.errorText} />}
      {reason && <p className={classes.thoughts}>{s.approval.said(reason)}</p>}
    </Fold>
  );
}

/** What a tool is called with: words where there are some for it. */
function Input({ name, input }: { name: string; input: unknown }) {
  const change = name === memoryTool ? memoryChange(input) : undefined;
  return change ? <MemoryChange {...change} /> : <Block title={s.toolInput} text={readable(input)} />;
}

function Block({ title, text }: { title: string; text: string }) {
  return (
    <figure className={classes.value}>
      <figcaption>{title}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </figure>
  );
}
