import { notifications } from "@mantine/notifications";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { strings } from "~/strings";
import { reveal } from "./reveal";
import type { Thread } from "./thread";

const s = strings.chat.target;

/** A message that somebody wants to see, such as one that was found. */
export interface Target {
  id: string;
  /** It is among those that are shown. */
  found: boolean;
  /** What of it is to be marked. */
  words: string[];
}

/**
 * Brings the message that the address names among those that are shown, and takes it out of the address, so that a reload
 * later does not go back to it. Says so if it cannot be shown.
 */
export function useTarget(thread: Thread | undefined, messageId: string | undefined): Target | undefined {
  const navigate = useNavigate();
  const { history } = useRouter();
  const [target, setTarget] = useState<Target>();
  useEffect(() => {
    if (!thread || messageId === undefined) {
      return;
    }
    const abort = new AbortController();
    const words = history.location.state.words ?? [];
    const over = (next: Target | undefined) => {
      setTarget(next);
      void navigate({
        to: "/c/$conversationId",
        params: { conversationId: thread.id },
        search: {},
        replace: true,
      });
    };
    setTarget({ id: messageId, words, found: false });
    reveal(thread, messageId, abort.signal).then(
      () => !abort.signal.aborted && over({ id: messageId, words, found: true }),
      (error) => {
        if (!abort.signal.aborted) {
          noteFailure(error);
          notifications.show({ color: "orange", message: reason(error) });
          over(undefined);
        }
      },
    );
    return () => abort.abort();
  }, [thread, messageId, navigate, history]);
  return target;
}

function reason(error: unknown): string {
  const problem = error instanceof Problem ? error : undefined;
  switch (problem?.code) {
    case "not_found":
      return s.gone;
    case "run_active":
      return s.busy;
    default:
      return [s.failed, problem?.detail].filter(Boolean).join(" ");
  }
}
