// What cells of a result hold, and how it reads.
import { readableSize } from "~/chat/attachments";

/** How a cell is drawn. */
export type Kind = "null" | "empty" | "number" | "boolean" | "json" | "bytes" | "text";

const numeric = new Set(["smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"]);

/** Whether a type's values are numbers: "numeric(10,2)" is one. */
export function isNumeric(type: string): boolean {
  return numeric.has(type.replace(/\(.*\)$/, ""));
}

export function kindOf(value: unknown, type: string): Kind {
  if (value === null) {
    return "null";
  }
  if (type === "json" || type === "jsonb") {
    return "json";
  }
  if (value === "") {
    return "empty";
  }
  if (type === "bytea") {
    return "bytes";
  }
  if (typeof value === "boolean") {
    return "boolean";
  }
  return typeof value === "number" || isNumeric(type) ? "number" : "text";
}

/** A value as one line or more of text. Null is empty: kindOf tells it. */
export function textOf(value: unknown, type: string): string {
  if (value === null) {
    return "";
  }
  if (type === "bytea" && typeof value === "object" && "bytes" in value) {
    return readableSize(Number(value.bytes));
  }
  if (typeof value === "object") {
    const text = written.get(value) ?? JSON.stringify(value);
    written.set(value, text);
    return text;
  }
  return typeof value === "string" && type !== "json" && type !== "jsonb" ? value : JSON.stringify(value);
}

/** Documents as text: rows are drawn again and again as they are scrolled by. */
const written = new WeakMap<object, string>();

/** The same with room to spare: documents on several lines. */
export function spreadOut(value: unknown, type: string): string {
  return type === "json" || type === "jsonb" ? JSON.stringify(value, undefined, 2) : textOf(value, type);
}

/** Characters of a value that a cell shows; the rest is behind a click. */
const shown = 160;

/** A value as a cell shows it: on one line, cut where it is long. */
export function folded(text: string): { line: string; more: boolean } {
  const begin = [...text.slice(0, 2 * shown + 2)];
  const more = begin.length > shown;
  const line = begin
    .slice(0, shown)
    .join("")
    .replace(/\s*\n\s*/g, " ⏎ ");
  return { line: more ? `${line}…` : line, more: more || text.includes("\n") };
}

const narrowest = 6;
const widest = 42;

/** How wide the columns are, in characters: as their titles and the first rows need, within limits. */
export function widths(
  columns: readonly { name: string; type: string }[],
  rows: readonly unknown[][],
): number[] {
  const sample = rows.slice(0, 100);
  return columns.map(({ name, type }, i) => {
    // The type is set smaller than the name.
    let width = Math.max(name.length, type.length * 0.8);
    for (const row of sample) {
      width = Math.max(width, Math.min(widest, textOf(row[i], type).length));
    }
    return Math.min(widest, Math.max(narrowest, Math.ceil(width)));
  });
}
