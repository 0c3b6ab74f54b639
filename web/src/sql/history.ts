// The last queries, and the one that is being written. They are as private as what they ask for: kept for this tab, by user, and
// gone when it is closed or its user signs out.

/** Queries that are remembered. */
const most = 20;
/** Longer ones are not: they would fill the tab's storage. */
const longest = 20_000;

const key = (what: "history" | "draft", user: string) => `sql-${what}:${user}`;

function read(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, text: string): void {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // Storage is full or switched off: it is not kept.
  }
}

/** A user's last queries, the newest first. */
export function historyOf(user: string): string[] {
  try {
    const list: unknown = JSON.parse(read(key("history", user)) ?? "[]");
    return Array.isArray(list) ? list.filter((query) => typeof query === "string") : [];
  } catch {
    return [];
  }
}

/** Puts a query in front, once, and returns what is remembered then. */
export function remember(user: string, query: string): string[] {
  const text = query.trim();
  if (text === "" || text.length > longest) {
    return historyOf(user);
  }
  const list = [text, ...historyOf(user).filter((other) => other !== text)].slice(0, most);
  write(key("history", user), JSON.stringify(list));
  return list;
}

export function forgetHistory(user: string): void {
  write(key("history", user), "[]");
}

/** What was being written; undefined: nothing yet. */
export function draftOf(user: string): string | undefined {
  return read(key("draft", user)) ?? undefined;
}

export function keepDraft(user: string, text: string): void {
  if (text.length <= longest) {
    write(key("draft", user), text);
  }
}
