import { useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

/**
 * For the frame of pages that a row of links leads to: where the row is wider than the screen, the link of the current page is moved
 * into sight, and every page begins at its top. `nav` is the row, `scroll` what scrolls.
 */
export function useCurrentPage() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const nav = useRef<HTMLElement>(null);
  const scroll = useRef<HTMLDivElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is another page.
  useEffect(() => {
    const row = nav.current;
    const link = row?.querySelector<HTMLElement>("[aria-current=page]");
    if (row && link) {
      row.scrollLeft = link.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
    if (scroll.current) {
      scroll.current.scrollTop = 0;
    }
  }, [path]);

  return { nav, scroll };
}
