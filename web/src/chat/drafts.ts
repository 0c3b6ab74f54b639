// What was typed or attached and not sent, by conversation. It outlives reloads, signing in again and the tab, but not
// signing out. Each user has drafts of their own, so that the next one on this computer sees none of them. Those of a
// temporary chat live in memory alone.
import { useSyncExternalStore } from "react";
import { queryClient } from "~/api/queryClient";
import { sessionQuery } from "~/api/session";

/** A file that the server has, and no message yet. */
export interface DraftFile {
  id: string;
  name: string;
  mediaType: string;
  size: number;
  url: string;
}

export interface Draft {
  text: string;
  files: DraftFile[];
}

const empty: Draft = { text: "", files: [] };
const prefix = "draft:";
const listeners = new Set<() => void>();
const memory = new Map<string, Draft>();

/** The key of the chat that is not a conversation yet. */
export const newChatDraft = "new";

/** The key under which a changed version of a message is kept while it is written. */
export const editDraft = (messageId: string) => `edit-${messageId}`;

/** The key under which a message is kept from being sent until the server has it. */
export const outboxDraft = (conversationId: string) => `sent-${conversationId}`;

// Begins the keys of drafts that are never stored.
const fleeting = "~";

/** The key of a draft that leaves no trace: it lives as long as the page, or until forgetFleeting. */
export const fleetingDraft = (id: string) => `${fleeting}${id}`;

function storageKey(id: string): string {
  const user = queryClient.getQueryData(sessionQuery.queryKey)?.user.id ?? "";
  return `${prefix}${user}:${id}`;
}

function read(key: string): Draft {
  try {
    const value = JSON.parse(localStorage.getItem(key) ?? "null");
    return typeof value?.text === "string" && Array.isArray(value.files) ? value : empty;
  } catch {
    return empty;
  }
}

export function isEmptyDraft(draft: Draft): boolean {
  return draft.text.trim() === "" && draft.files.length === 0;
}

export function getDraft(id: string): Draft {
  const key = storageKey(id);
  let draft = memory.get(key);
  if (draft === undefined) {
    draft = id.startsWith(fleeting) ? empty : read(key);
    memory.set(key, draft);
  }
  return draft;
}

export function setDraft(id: string, change: Partial<Draft>): void {
  const key = storageKey(id);
  const draft = { ...getDraft(id), ...change };
  memory.set(key, draft);
  if (!id.startsWith(fleeting)) {
    store(key, draft);
  }
  for (const listener of listeners) {
    listener();
  }
}

function store(key: string, draft: Draft): void {
  try {
    if (draft.text === "" && draft.files.length === 0) {
      localStorage.removeItem(key);
    } else {
      localStorage.setItem(key, JSON.stringify(draft));
    }
  } catch {
    // Storage is full or switched off: the draft lives as long as the page.
  }
}

export function clearDraft(id: string): void {
  setDraft(id, empty);
}

/** Gives a draft back what was taken from it. What has been typed meanwhile stays, below. */
export function restoreDraft(id: string, draft: Draft): void {
  const now = getDraft(id);
  const text =
    now.text.trim() === "" || now.text === draft.text ? draft.text : `${draft.text}\n\n${now.text}`;
  const files = [
    ...draft.files,
    ...now.files.filter((file) => !draft.files.some(({ id }) => id === file.id)),
  ];
  setDraft(id, { text, files });
}

/** Takes a draft along to another key. */
export function moveDraft(from: string, to: string): void {
  const draft = getDraft(from);
  clearDraft(from);
  restoreDraft(to, draft);
}

/** Forgets what was never stored. */
export function forgetFleeting(): void {
  const user = storageKey(fleeting);
  for (const key of [...memory.keys()].filter((name) => name.startsWith(user))) {
    memory.delete(key);
  }
}

/** Removes all drafts from this browser: somebody signs out. */
export function forgetDrafts(): void {
  memory.clear();
  try {
    for (const key of Object.keys(localStorage).filter((name) => name.startsWith(prefix))) {
      localStorage.removeItem(key);
    }
  } catch {
    // There were none.
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useDraft(id: string): [Draft, (change: Partial<Draft>) => void] {
  const draft = useSyncExternalStore(subscribe, () => getDraft(id));
  return [draft, (change) => setDraft(id, change)];
}
