import { fetchVersions } from "~/api/branches";
import { fetchMessages } from "~/api/messages";
import type { ChatMessage } from "./message";
import type { Thread } from "./thread";

// So many messages on each side are drawn at once: more than a screen holds.
const around = 8;

/**
 * Brings a message among those that are shown: from older pages, or by showing the version that it belongs to. Throws the
 * problem with the code "not_found" where it is gone, and "run_active" where a reply keeps its version from being shown.
 */
export async function reveal(thread: Thread, messageId: string, signal?: AbortSignal): Promise<void> {
  const holds = (messages: ChatMessage[]) => messages.some(({ id }) => id === messageId);
  if (holds(thread.chat.messages)) {
    return;
  }
  const versions = await fetchVersions(thread.id, messageId);
  if (!versions.some(({ id, current }) => id === messageId && current)) {
    await thread.select(messageId);
  }
  // Drawn once, however far back it is.
  let pages: ChatMessage[] = [];
  const from = thread.older;
  let cursor = from;
  while (cursor && !holds(thread.chat.messages) && !holds(pages)) {
    const page = await fetchMessages(thread.id, { cursor, limit: 100, signal });
    if (thread.older !== from) {
      // The reader has scrolled up meanwhile.
      return reveal(thread, messageId, signal);
    }
    pages = [...page.items, ...pages];
    cursor = page.nextCursor;
  }
  const at = pages.findIndex(({ id }) => id === messageId);
  for (const [index, { id }] of pages.entries()) {
    if (Math.abs(index - at) > around) {
      thread.passedOver.add(id);
    }
  }
  thread.putBefore({ items: pages, nextCursor: cursor });
}
