// The conversations that this page has opened. A reply goes on being read while another conversation is looked at.
import "~/lib/noEval";
import { useEffect, useState } from "react";
import { fetchMessages } from "~/api/messages";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { Thread } from "./thread";

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

/** Gives the conversation of that id, loading it if this page does not have it yet. */
export function useThread(
  id: string,
  isNew: boolean,
): { thread?: Thread; problem?: Problem; retry: () => void } {
  const [thread, setThread] = useState(() => threads.get(id) ?? (isNew ? keep(new Thread(id)) : undefined));
  const [problem, setProblem] = useState<Problem>();
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt loads anew.
  useEffect(() => {
    if (thread) {
      return;
    }
    const abort = new AbortController();
    setProblem(undefined);
    fetchMessages(id, undefined, abort.signal)
      .then((page) => {
        setThread(keep(new Thread(id, page)));
      })
      .catch((error) => {
        if (error instanceof Problem) {
          noteFailure(error);
          setProblem(error);
        }
      });
    return () => abort.abort();
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
    return () => {
      document.removeEventListener("visibilitychange", refresh);
      window.removeEventListener("online", refresh);
    };
  }, [thread]);

  return { thread, problem, retry: () => setAttempt((n) => n + 1) };
}
