import type { AuditEntry } from "~/api/adminAudit";

export interface Change {
  name: string;
  /** Undefined: there was nothing. */
  before: string | undefined;
  after: string | undefined;
}

/** What changed, column by column. */
export function changesOf(change: AuditEntry["change"]): Change[] {
  const before = change?.before ?? {};
  const after = change?.after ?? {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, before: written(before[name]), after: written(after[name]) }))
    .filter((one) => one.before !== undefined || one.after !== undefined);
}

function written(value: unknown): string | undefined {
  if (value === null || value === undefined) {
    return undefined;
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
