import { strings } from "~/strings";
import classes from "./chat.module.css";

const s = strings.chat.memory;

/** What the server calls the tool that changes the user's notes. */
export const memoryTool = "update_memory";

/** What a call of memoryTool asks for; undefined where it is no such thing. */
export function memoryChange(input: unknown): { remember?: string; forget?: string } | undefined {
  const { remember, forget } = (input ?? {}) as { remember?: unknown; forget?: unknown };
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const change = { remember: text(remember), forget: text(forget) };
  return change.remember === undefined && change.forget === undefined ? undefined : change;
}

/** A change of the notes, as the user is asked about it. */
export function MemoryChange({ remember, forget }: { remember?: string; forget?: string }) {
  return (
    <>
      {forget !== undefined && (
        <Note title={remember === undefined ? s.forget : s.instead}>
          <del>{forget}</del>
        </Note>
      )}
      {remember !== undefined && <Note title={s.remember}>{remember}</Note>}
    </>
  );
}

function Note({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <figure className={classes.value}>
      <figcaption>{title}</figcaption>
      <blockquote className={classes.memory}>{children}</blockquote>
    </figure>
  );
}
