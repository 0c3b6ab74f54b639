import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { noteFailure } from "~/api/queryClient";
import type { Thread } from "./thread";

/**
 * Loads the page before when the reader comes near the top, and keeps what is being read where it is when that page comes
 * in above.
 */
export function useOlder(
  thread: Thread,
  scroller: RefObject<HTMLDivElement | null>,
  firstId: string | undefined,
) {
  const [failed, setFailed] = useState(false);
  const sentinel = useRef<HTMLDivElement>(null);
  const loading = useRef(false);
  // Pixels from what is seen to the end, which a page above does not change.
  const fromEnd = useRef<number>(undefined);

  const load = useCallback(async () => {
    if (loading.current || !thread.older) {
      return;
    }
    loading.current = true;
    setFailed(false);
    try {
      await thread.showOlder();
    } catch (error) {
      noteFailure(error);
      setFailed(true);
    }
    loading.current = false;
  }, [thread]);

  useEffect(() => {
    const box = scroller.current;
    if (!box) {
      return;
    }
    const remember = () => {
      fromEnd.current = box.scrollHeight - box.scrollTop;
    };
    remember();
    box.addEventListener("scroll", remember, { passive: true });
    return () => box.removeEventListener("scroll", remember);
  }, [scroller]);

  const first = useRef(firstId);
  useLayoutEffect(() => {
    const box = scroller.current;
    const prepended = first.current !== firstId && first.current !== undefined;
    first.current = firstId;
    if (!box || !prepended || fromEnd.current === undefined) {
      return;
    }
    // Or the browser would correct the place a second time.
    box.style.overflowAnchor = "none";
    box.scrollTop = box.scrollHeight - fromEnd.current;
    const frame = requestAnimationFrame(() => {
      box.style.overflowAnchor = "";
    });
    return () => cancelAnimationFrame(frame);
  }, [firstId, scroller]);

  // Anew after each page: one that does not fill the screen is followed by the next.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    const mark = sentinel.current;
    if (!mark || failed) {
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) {
          void load();
        }
      },
      { root: scroller.current, rootMargin: "800px 0px 0px" },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [firstId, failed, load, scroller]);

  return { sentinel, more: thread.older !== undefined, failed, load: () => void load() };
}
