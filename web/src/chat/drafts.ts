// What was typed and not sent, by conversation. It outlives reloads and signing in again, but not the tab.
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const memory = new Map<string, string>();
const storageKey = (id: string) => `draft:${id}`;

/** The key of the chat that is not a conversation yet. */
export const newChatDraft = "new";

export function getDraft(id: string): string {
  let text = memory.get(id);
  if (text === undefined) {
    try {
      text = sessionStorage.getItem(storageKey(id)) ?? "";
    } catch {
      text = "";
    }
    memory.set(id, text);
  }
  return text;
}

export function setDraft(id: string, text: string): void {
  memory.set(id, text);
  try {
    if (text === "") {
      sessionStorage.removeItem(storageKey(id));
    } else {
      sessionStorage.setItem(storageKey(id), text);
    }
  } catch {
    // Storage is full or switched off: the draft lives as long as the page.
  }
  for (const listener of listeners) {
    listener();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useDraft(id: string): [string, (text: string) => void] {
  const text = useSyncExternalStore(subscribe, () => getDraft(id));
  return [text, (next) => setDraft(id, next)];
}
