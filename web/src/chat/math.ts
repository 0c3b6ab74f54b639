// Formulas come in several notations. Markdown's parser gets one: $ within a line, $$ for a formula of its own.

// Code, in which nothing is a formula: fenced blocks, also unfinished ones, and spans.
const code =
  /(^|\n)[ \t]*(`{3,}|~{3,})[^\n]*(?:\n[\s\S]*?(?:\n[ \t]*\2[`~]*[ \t]*(?=\n|$)|$)|$)|(`+)[^`][\s\S]*?\3/g;

/** Brings \(…\) and \[…\] into dollars, and escapes dollars that are money. */
export function delimitMath(text: string): string {
  if (!/\$|\\[([]/.test(text)) {
    return text;
  }
  let out = "";
  let from = 0;
  for (const found of text.matchAll(code)) {
    out += delimit(text.slice(from, found.index)) + found[0];
    from = found.index + found[0].length;
  }
  return out + delimit(text.slice(from));
}

// Escaped brackets are also just that.
const looksLikeTex = /[\\^_=+<>{}|]|\d/;

function delimit(text: string): string {
  const dollars = text
    // A formula that is still being written ends with the text.
    .replace(/\\\[([\s\S]+?)(?:\\\]|$(?![\s\S]))/g, (all, tex: string) =>
      looksLikeTex.test(tex) ? `$$\n${tex.trim()}\n$$` : all,
    )
    .replace(/\\\(([^\n]+?)\\\)/g, (_, tex: string) => `$${tex.trim()}$`);
  return dollars
    .split(/(\$\$[\s\S]*?(?:\$\$|$))/)
    .map((piece, i) => (i % 2 === 1 ? piece : escapeMoney(piece)))
    .join("");
}

// As in Pandoc: no space inside of the dollars, and no digit behind the second.
const formula = /(?<!\\)\$(?![\s$])((?:\\.|[^$\n\\])*?)(?<!\s)\$(?!\d)/g;

function escapeMoney(text: string): string {
  let out = "";
  let from = 0;
  const escaped = (plain: string) => plain.replace(/(?<!\\)\$/g, "\\$");
  for (const found of text.matchAll(formula)) {
    if (found[1] === "") {
      continue;
    }
    out += escaped(text.slice(from, found.index)) + found[0];
    from = found.index + found[0].length;
  }
  return out + escaped(text.slice(from));
}
