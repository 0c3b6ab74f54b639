import { SQLDialect, schemaCompletionSource } from "@codemirror/lang-sql";
import { HighlightStyle, LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import type { SqlSchema } from "~/api/sql";
import { completionSource, keywords, namespaceOf, types } from "./completion";

// lang-sql's own dialect of PostgreSQL takes every word for a keyword that any statement has, such as name and status.
const words = { keywords: keywords.join(" "), types: types.join(" ") };

/** PostgreSQL's SQL with what is offered from a schema; without one, words alone. */
export function sqlLanguage(schema: SqlSchema = { tables: [], functions: [] }): LanguageSupport {
  const dialect = SQLDialect.define({
    ...words,
    builtin: schema.functions.filter((name) => !types.includes(name) && !keywords.includes(name)).join(" "),
    doubleDollarQuotedStrings: true,
    operatorChars: "+-*/<>=~!@#%^&|`?",
    specialVar: "",
  });
  const data = (autocomplete: unknown) => dialect.language.data.of({ autocomplete });
  return new LanguageSupport(dialect.language, [
    data(schemaCompletionSource({ dialect, schema: namespaceOf(schema) })),
    data(completionSource(schema)),
  ]);
}

/** Colours of the parts of a query, from variables of the page's sheet. */
export const colours: Extension = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, color: "var(--sql-keyword)" },
    { tag: [tags.string, tags.special(tags.string)], color: "var(--sql-string)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--sql-number)" },
    { tag: tags.typeName, color: "var(--sql-type)" },
    { tag: tags.standard(tags.name), color: "var(--sql-name)" },
    { tag: [tags.lineComment, tags.blockComment], color: "var(--sql-comment)", fontStyle: "italic" },
  ]),
);
