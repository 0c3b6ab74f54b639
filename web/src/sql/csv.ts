// A result as comma-separated values (RFC 4180).
import { kindOf, textOf } from "./values";

interface Table {
  columns: readonly { name: string; type: string }[];
  rows: readonly unknown[][];
}

/** Without it, spreadsheets read UTF-8 as something else. */
const byteOrderMark = "\ufeff";

/**
 * The lines end in CRLF. NULL is nothing, an empty text is "", as in Postgres's own COPY. Documents are JSON. What a spreadsheet
 * would take for a formula begins with an apostrophe: a text can come from anywhere, and a formula can send a sheet away.
 */
export function csvOf({ columns, rows }: Table): string {
  const lines = [columns.map(({ name }) => field(harmless(name))).join(",")];
  for (const row of rows) {
    lines.push(columns.map(({ type }, i) => cell(row[i], type)).join(","));
  }
  return `${byteOrderMark}${lines.join("\r\n")}\r\n`;
}

function cell(value: unknown, type: string): string {
  switch (kindOf(value, type)) {
    case "null":
      return "";
    case "empty":
      return '""';
    case "number":
      return String(value);
    case "bytes":
      return textOf(value, type);
    default:
      return field(harmless(textOf(value, type)));
  }
}

function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A name for the file, in the reader's own time: query-2026-11-22-1755.csv. */
export function fileName(now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `query-${day}-${two(now.getHours())}${two(now.getMinutes())}.csv`;
}

/** Hands a text over as a file. */
export function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has opened it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
