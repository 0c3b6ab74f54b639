// Conversations that are deleted, but can still be brought back: they are gone from the page at once, and from the server
// a little later, or when the page is left.
import { Cell } from "~/lib/cell";

/** Milliseconds in which a deletion can be taken back. */
export const undoTime = 8000;

interface Pending {
  timer: ReturnType<typeof setTimeout>;
  commit: (leaving: boolean) => void;
}

const pending = new Map<string, Pending>();

/** The ids that are not to be shown. */
export const deletedIds = new Cell<ReadonlySet<string>>(new Set());

/** Deletes later. leaving tells commit that the page is being closed: only a request that outlives it will do. */
export function deleteLater(id: string, commit: (leaving: boolean) => void): void {
  undoDelete(id);
  const timer = setTimeout(() => finish(id, false), undoTime);
  pending.set(id, { timer, commit });
  deletedIds.update((ids) => new Set(ids).add(id));
}

/** Takes a deletion back. False if it is too late. */
export function undoDelete(id: string): boolean {
  const entry = pending.get(id);
  if (!entry) {
    return false;
  }
  clearTimeout(entry.timer);
  pending.delete(id);
  showAgain(id);
  return true;
}

/** Shows a conversation again: its deletion was taken back, or did not work. */
export function showAgain(id: string): void {
  deletedIds.update((ids) => new Set([...ids].filter((other) => other !== id)));
}

/** Does at once what would be done later: the page is being left. */
export function deleteNow(): void {
  for (const id of [...pending.keys()]) {
    finish(id, true);
  }
}

function finish(id: string, leaving: boolean): void {
  const entry = pending.get(id);
  if (entry) {
    clearTimeout(entry.timer);
    pending.delete(id);
    entry.commit(leaving);
  }
}

if (typeof window !== "undefined") {
  window.addEventListener("pagehide", deleteNow);
}
