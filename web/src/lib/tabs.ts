// What the tabs of one browser tell each other, so that what is done in one shows in the others at once.

/** A reply has begun in a conversation, its messages changed in another way, or the list did. */
export type TabNews = { type: "run" | "messages"; id: string } | { type: "list" };

const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("twobrains");
// Node's channels would keep a test run alive.
(channel as { unref?: () => void } | undefined)?.unref?.();

/** Tells the other tabs. This one does not hear it. */
export function tellTabs(news: TabNews): void {
  channel?.postMessage(news);
}

/** Calls back for news of other tabs. Returns the way to stop that. */
export function onTabs(listener: (news: TabNews) => void): () => void {
  const onMessage = (event: MessageEvent) => listener(event.data as TabNews);
  channel?.addEventListener("message", onMessage);
  return () => channel?.removeEventListener("message", onMessage);
}
