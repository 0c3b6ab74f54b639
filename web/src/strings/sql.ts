// Every word of the page for SQL.
import { plural } from "~/strings";

export const sqlStrings = {
  title: "SQL",
  lead: "Ask your own data directly, in PostgreSQL's SQL: read-only, and over nothing but what is yours.",
  none: "This server has no SQL console",
  noneText: "Whoever runs it can switch one on. Everything of yours can be taken along as a file meanwhile.",
  toExport: "Export your data",

  editor: "SQL query",
  description:
    "Ctrl or Cmd and Enter runs the query. Tab indents; press Escape, then Tab, to leave the editor.",
  placeholder: "SELECT … FROM …",
  keys: { run: "runs", and: "then", leave: "leaves the editor" },
  run: "Run",
  runSelected: "What is selected is run, if something is.",
  cancel: "Cancel",
  examplesMenu: "Examples",
  examples: {
    words: "My newest messages",
    longest: "My longest conversations",
    cost: "Tokens and cost by month and model",
    hours: "At which hours I write",
    files: "My largest files",
  },
  history: "History",
  historyLabel: "In this tab only, until you sign out",
  historyEmpty: "Queries that you run are listed here.",
  forget: "Clear the history",

  tables: "Tables",
  tablesHint: "A click puts a name into the query.",
  insert: (name: string) => `Insert ${name}`,
  insertColumn: (column: string, table: string) => `Insert ${column} of ${table}`,
  columnsOf: (table: string) => `Columns of ${table}`,
  nullable: "may be null",

  result: "Result",
  running: "The query is running…",
  empty: "Run a query to see its rows here.",
  cancelled: "Cancelled.",
  plan: "Plan",
  planned: "The plan of the query, which was not run.",
  rows: (n: number) => plural(n, "row", "rows"),
  told: (rows: string, ms: number) => `${rows} in ${ms.toLocaleString("en")} ms`,
  truncated: (n: number) =>
    `There is more. A result ends after so many rows, or megabytes: these are the first ${plural(n, "row", "rows")}. ` +
    "Add a LIMIT, or let the query count and sum.",
  noRows: "The query brought no rows.",
  csv: "CSV",
  downloadCsv: "Download as CSV",
  grid: (rows: string) => `Result, ${rows}. Arrow keys move, Enter shows a value in full.`,
  null: "NULL",
  emptyText: "empty",
  value: "Value",
  number: "Row",
  row: (n: number) => `row ${n.toLocaleString("en")}`,
  copy: "Copy",
  copied: "Copied",
  cut: (n: number) => `Only the first ${n.toLocaleString("en")} characters are shown. Copying takes all.`,

  wrong: "The query cannot be run",
  place: (line: number, column: number) => `Line ${line}, column ${column}`,
  goTo: "Show the place",
  hint: "Hint:",
  state: (code: string) => `SQLSTATE ${code}`,
  timeoutTitle: "The query took too long",
  timeout:
    "It was stopped. Let it read less: fewer rows, one table at a time, a shorter span of time in WHERE.",
  busyTitle: "One query at a time",
  busy: "The one before is still ending at the server. Try again in a few seconds.",
  manyTitle: "The console is busy",
} as const;
