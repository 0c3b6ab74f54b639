// What the editor offers while a query is written.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { SQLNamespace } from "@codemirror/lang-sql";
import { syntaxTree } from "@codemirror/language";
import type { EditorView } from "@codemirror/view";
import type { SqlSchema, SqlTable } from "~/api/sql";

/** The words of queries. Those of other statements, which the server refuses, are not offered nor coloured. */
export const keywords = (
  "all and any array as asc between both by case cast collate cross cube current current_date current_time current_timestamp " +
  "desc distinct else end escape except exclude exists extract false fetch filter first following from full group grouping " +
  "having ilike in inner intersect interval is isnull join last lateral leading left like limit materialized natural next not notnull " +
  "null nulls offset on only or order ordinality outer over partition preceding range recursive right rollup row rows select sets " +
  "similar some symmetric table tablesample then ties to trailing true unbounded union using values when where window with within zone"
).split(" ");

/** Types to cast to. */
export const types = (
  "bigint boolean bytea char character date daterange decimal double float int int4range int8range integer json jsonb jsonpath money numeric " +
  "numrange oid point precision real smallint text time timestamp timestamptz tsquery tsrange tstzrange tsvector uuid varchar varying"
).split(" ");

/** Tables that serve the program more than who asks. */
const minor = new Set(["message_search", "schema_version"]);

/** A table of the schema as an option. */
export function tableOption({ name, comment }: SqlTable): Completion {
  const boost = minor.has(name) ? -1 : 2;
  return { label: name, type: "class", detail: "table", info: comment || undefined, boost };
}

/** Tables with their columns, for what is written behind a table's name or alias and a dot. */
export function namespaceOf({ tables }: SqlSchema): SQLNamespace {
  return Object.fromEntries(
    tables.map((table) => [
      table.name,
      {
        self: tableOption(table),
        children: table.columns.map(({ name, type, comment }) => ({
          label: name,
          type: "property",
          detail: shortType(type),
          info: comment || undefined,
        })),
      },
    ]),
  );
}

/** A type as people write it, where Postgres's own name is long. */
export function shortType(type: string): string {
  return type
    .replace(/^character varying/, "varchar")
    .replace(/^timestamp with time zone$/, "timestamptz")
    .replace(/^timestamp without time zone$/, "timestamp");
}

/** The tables that a query names, all where it names none. */
export function tablesOf(schema: SqlSchema, query: string): SqlTable[] {
  const words = new Set(query.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_]*/gu));
  // The name of a schema before it says nothing here.
  const named = schema.tables.filter(({ name }) => words.has(name.slice(name.lastIndexOf(".") + 1)));
  return named.length > 0 ? named : schema.tables;
}

/** The columns of some tables, each name once. */
export function columnOptions(tables: readonly SqlTable[]): Completion[] {
  const found = new Map<string, { type: string; notes: string[] }>();
  for (const table of tables) {
    for (const { name, type, comment } of table.columns) {
      const one = found.get(name) ?? { type, notes: [] };
      one.notes.push(`${table.name}: ${comment}`);
      found.set(name, one);
    }
  }
  return [...found].map(([label, { type, notes }]) => ({
    label,
    type: "property",
    detail: shortType(type),
    info: notes.join("\n"),
    boost: 1,
  }));
}

/** Puts a function's name there, and the cursor between its parentheses. */
function call(view: EditorView, { label }: Completion, from: number, to: number): void {
  const open = view.state.sliceDoc(to, to + 1) === "(";
  view.dispatch({
    changes: { from, to, insert: open ? label : `${label}()` },
    selection: { anchor: from + label.length + 1 },
    userEvent: "input.complete",
  });
}

/** Options that are the same for every query: functions, keywords, types. */
function commonOptions({ functions }: SqlSchema): Completion[] {
  const called = new Set(functions);
  return [
    ...functions.map((label) => ({ label, type: "function", apply: call, boost: -1 })),
    ...keywords.map((word) => ({ label: word.toUpperCase(), type: "keyword" })),
    ...types.filter((word) => !called.has(word)).map((label) => ({ label, type: "type", boost: -2 })),
  ];
}

const elsewhere = new Set(["String", "QuotedIdentifier", "LineComment", "BlockComment", "Number"]);

/** Offers columns, functions and keywords. Tables, and what comes after a dot, are lang-sql's to offer. */
export function completionSource(schema: SqlSchema): (context: CompletionContext) => CompletionResult | null {
  const common = commonOptions(schema);
  return (context) => {
    const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_]*/u);
    if (!word && !context.explicit) {
      return null;
    }
    const from = word?.from ?? context.pos;
    const before = context.state.sliceDoc(Math.max(0, from - 40), from);
    const place = syntaxTree(context.state).resolveInner(context.pos, -1).name;
    if (elsewhere.has(place) || before.endsWith(".") || /\b(from|join|table)\s+$/i.test(before)) {
      return null;
    }
    const tables = tablesOf(schema, context.state.doc.toString());
    return { from, options: [...columnOptions(tables), ...common], validFor: /^[\p{L}\p{N}_]*$/u };
  };
}
