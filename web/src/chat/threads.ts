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

function keep(thread: Thread): Thread {
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

// The chat client is a fifth of what a first visit would load, so it comes after the page is there.
async function open(id: string, isNew: boolean): Promise<Thread> {
  const page = isNew ? undefined : fetchMessages(id);
  // Its failure is met below.
  page?.catch(() => undefined);
  const { Thread } = await import("./thread").catch(() => {
    throw offline();
  });
  return keep(threads.get(id) ?? new Thread(id, await page));
}

const opening = new Map<string, Promise<Thread>>();

/** The conversation of that id; asked for once, whoever asks. */
function openOnce(id: string, isNew: boolean): Promise<Thread> {
  const known = threads.get(id);
  if (known) {
    return Promise.resolve(keep(known));
  }
  const promise = opening.get(id) ?? open(id, isNew).finally(() => opening.delete(id));
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
export function useThread(id: string, isNew: boolean): Opened {
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
    openOnce(id, isNew).then(
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
  }, [id, thread, attempt]);

  useEffect(() => {
    if (!thread) {
      return;
    }
    const refresh = () => {
      if (document.visibilityState === "visible") {
        thread.refresh().catch(noteFailure);
      }
    };
    if (thread.fresh) {
      thread.fresh = false;
      thread.follow().catch(noteFailure);
    } else {
      refresh();
    }
    document.addEventListener("visibilitychange", refresh);
    window.addEventListener("online", refresh);
    const stopListening = onTabs((news) => {
      if (news.type !== "list" && news.id === thread.id) {
        thread.refresh().catch(noteFailure);
      }
    });
    return () => {
      document.removeEventListener("visibilitychange", refresh);
      window.removeEventListener("online", refresh);
      stopListening();
    };
  }, [thread]);
  useOtherDevices(thread);

  return {
    thread,
    problem,
    retry: () => setAttempt((n) => n + 1),
    whenOpen: () => openOnce(id, isNew),
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
