import { useCallback, useEffect, useRef, useState } from "react";

// How far from the end still counts as being there, in pixels.
const slack = 48;

/** Keeps a scrolling box at its end while its content grows, unless the reader has scrolled up. */
export function useStickToBottom() {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [atBottom, setAtBottom] = useState(true);

  const toBottom = useCallback((behavior: ScrollBehavior = "instant") => {
    const box = scroller.current;
    stuck.current = true;
    if (box) {
      // Over a long way, what comes into sight gets its size only then, and the end moves.
      const far = box.scrollHeight - box.scrollTop > 3 * box.clientHeight;
      box.scrollTo({ top: box.scrollHeight, behavior: far ? "instant" : behavior });
    }
  }, []);

  /** Stays where it is from now on, as if the reader had scrolled up. */
  const letGo = useCallback(() => {
    stuck.current = false;
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) {
      return;
    }
    let lastTop = box.scrollTop;
    const isNear = () => box.scrollHeight - box.scrollTop - box.clientHeight < slack;
    const onScroll = () => {
      const near = isNear();
      // Only scrolling up lets go: content that grows also moves the end away.
      if (near) {
        stuck.current = true;
      } else if (box.scrollTop < lastTop) {
        stuck.current = false;
      }
      lastTop = box.scrollTop;
      setAtBottom(near || stuck.current);
    };
    const onResize = () => {
      if (stuck.current) {
        box.scrollTop = box.scrollHeight;
      }
      // What has become shorter may fit.
      stuck.current ||= isNear();
      setAtBottom(stuck.current);
    };
    const observer = new ResizeObserver(onResize);
    observer.observe(inner);
    observer.observe(box);
    box.addEventListener("scroll", onScroll, { passive: true });
    onResize();
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, []);

  return { scroller, content, atBottom, toBottom, letGo };
}
