// Places in a query. The server counts characters as Postgres does, by code points and from 1; the editor counts UTF-16 units
// from 0, of which some characters take two.

/** A part of a text, in UTF-16 units. */
export interface Range {
  from: number;
  to: number;
}

/** The index in UTF-16 units of the nth character, from 1. Beyond the end it is the end. */
export function indexOf(text: string, position: number): number {
  let index = 0;
  for (let n = 1; n < position && index < text.length; n++) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

/** What to mark for a complaint about the nth character: the word that begins there, or that character. */
export function rangeAt(text: string, position: number): Range {
  const from = indexOf(text, position);
  const rest = text.slice(from);
  const word = /^(?:[\p{L}\p{N}_$]+|"[^"]*"?|'[^']*'?)/u.exec(rest)?.[0];
  if (word) {
    return { from, to: from + word.length };
  }
  if (rest.trim() === "") {
    // At the end, where there is nothing to mark: the last that is there.
    const to = text.trimEnd().length;
    const last = [...text.slice(0, to)].at(-1) ?? "";
    return { from: to - last.length, to };
  }
  return { from, to: from + ([...rest][0] ?? "").length };
}

/** The line and column of an index, both from 1, the column in characters. */
export function lineAndColumn(text: string, index: number): { line: number; column: number } {
  const before = text.slice(0, index);
  const lines = before.split("\n");
  return { line: lines.length, column: [...(lines.at(-1) ?? "")].length + 1 };
}
