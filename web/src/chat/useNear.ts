import { type RefObject, useEffect, useState } from "react";

// Pixels from the screen at which something counts as near.
const margin = "1500px 0px";

const watched = new WeakMap<Element, () => void>();
const observers = new WeakMap<Element, IntersectionObserver>();

/** One observer for all that scrolls in a box: there may be thousands. */
function observerOf(box: Element): IntersectionObserver {
  const known = observers.get(box);
  if (known) {
    return known;
  }
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) {
          watched.get(target)?.();
        }
      }
    },
    { root: box, rootMargin: margin },
  );
  observers.set(box, observer);
  return observer;
}

/** Whether an element has ever been near the screen. Begins with what it is told. */
export function useNear(element: RefObject<Element | null>, atFirst: boolean): boolean {
  const [near, setNear] = useState(atFirst);
  useEffect(() => {
    const box = element.current?.closest("#main");
    if (near || !element.current || !box) {
      return;
    }
    const { current } = element;
    const observer = observerOf(box);
    watched.set(current, () => setNear(true));
    observer.observe(current);
    return () => {
      watched.delete(current);
      observer.unobserve(current);
    };
  }, [element, near]);
  return near;
}
