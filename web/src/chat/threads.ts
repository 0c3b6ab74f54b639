// The conversations that this page has opened. A reply goes on being read while another conversation is looked at.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { findConversation } from "~/api/conversations";
import { fetchMessages } from "~/api/messages";
import { offline, Problem, problemFromBody } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { onTabs } from "~/lib/tabs";
import type { Thread } from "./thread";

// Enough to go back and forth without loading; old ones are fetched again.
const kept = 12;
const threads = new Map<string, Thread>();

/** Keeps a conversation at hand; those that were not looked at for longest, and do nothing, are forgotten. */
export function keepThread(thread: Thread): Thread {
  threads.delete(thread.id);
  threads.set(thread.id, thread);
  for (const [id, old] of threads) {
    if (threads.size <= kept) {
      break;
    }
    if (!old.busy && id !== thread.id) {
      threads.delete(id);
    }
  }
  return thread;
}

/** Forgets a conversation, for instance because it was deleted. */
export function forgetThread(id: string): void {
  threads.delete(id);
}

/** The conversation of that id, if this page has opened it. */
export const knownThread = (id: string): Thread | undefined => threads.get(id);

/** What a conversation is to this page: one at the server, one that begins here, or one that shall leave no trace. */
export type Kind = "stored" | "new" | "temporary";

// The chat client is a fifth of what a first visit would load, so it comes after the page is there.
async function open(id: string, kind: Kind): Promise<Thread> {
  const page = kind === "stored" ? fetchMessages(id) : undefined;
  // Its failure is met below.
  page?.catch(() => undefined);
  const { Thread } = await import("./thread").catch(() => {
    throw offline();
  });
  return keepThread(threads.get(id) ?? new Thread(id, await page, kind === "temporary"));
}

const opening = new Map<string, Promise<Thread>>();

/** The conversation of that id; asked for once, whoever asks. */
function openOnce(id: string, kind: Kind): Promise<Thread> {
  const known = threads.get(id);
  if (known) {
    return Promise.resolve(keepThread(known));
  }
  const promise = opening.get(id) ?? open(id, kind).finally(() => opening.delete(id));
  opening.set(id, promise);
  return promise;
}

interface Opened {
  thread?: Thread;
  problem?: Problem;
  retry: () => void;
  /** The thread as soon as it is there. */
  whenOpen: () => Promise<Thread>;
}

/** Gives the conversation of that id, loading it if this page does not have it yet. */
export function useThread(id: string, kind: Kind): Opened {
  const [thread, setThread] = useState(() => threads.get(id));
  const [problem, setProblem] = useState<Problem>();
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt loads anew.
  useEffect(() => {
    if (thread) {
      return;
    }
    let gone = false;
    setProblem(undefined);
    openOnce(id, kind).then(
      (opened) => !gone && setThread(opened),
      (error) => {
        noteFailure(error);
        if (!gone) {
          setProblem(error instanceof Problem ? error : problemFromBody(undefined));
        }
      },
    );
    return () => {
      gone = true;
    };
  }, [id, kind, thread, attempt]);

  useEffect(() => {
    if (!thread) {
      return;
    }
    const failed = (error: unknown) => {
      noteFailure(error);
      // Deleted elsewhere: what is still here must not look as if it were there.
      if (thread.stored && error instanceof Problem && error.code === "not_found") {
        forgetThread(id);
        setThread(undefined);
      }
    };
    const refresh = () => {
      if (document.visibilityState === "visible") {
        thread.refresh().catch(failed);
      }
    };
    if (thread.fresh) {
      thread.fresh = false;
      thread.follow().catch(failed);
    } else {
      refresh();
    }
    document.addEventListener("visibilitychange", refresh);
    window.addEventListener("online", refresh);
    const stopListening = onTabs((news) => {
      if (news.type !== "list" && news.id === thread.id) {
        thread.refresh().catch(failed);
      }
    });
    return () => {
      document.removeEventListener("visibilitychange", refresh);
      window.removeEventListener("online", refresh);
      stopListening();
    };
  }, [id, thread]);
  useOtherDevices(thread);

  return {
    thread,
    problem,
    retry: () => setAttempt((n) => n + 1),
    whenOpen: () => openOnce(id, kind),
  };
}

/** The list, which is asked for every now and then, tells that something happened to the conversation elsewhere. */
function useOtherDevices(thread: Thread | undefined): void {
  const cache = useQueryClient();
  useEffect(() => {
    if (!thread) {
      return;
    }
    const stateOf = () => {
      const found = findConversation(cache, thread.id);
      return found && `${found.updatedAt} ${found.running}`;
    };
    let seen = stateOf();
    return cache.getQueryCache().subscribe(() => {
      const now = stateOf();
      if (now !== undefined && now !== seen) {
        const first = seen === undefined;
        seen = now;
        if (!first && !thread.busy) {
          thread.refresh().catch(noteFailure);
        }
      }
    });
  }, [thread, cache]);
}
