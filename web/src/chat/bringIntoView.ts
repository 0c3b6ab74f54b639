import { findWords } from "./findWords";

// How long a message stays marked, in milliseconds; as in chat.module.css.
const marked = 2600;

// In which the place is corrected, in milliseconds: what is above gets its size only once it is near the screen, and Markdown
// may have to be loaded.
const settling = 900;

// What readers do when they go elsewhere themselves.
const takingOver = ["wheel", "touchmove", "pointerdown", "keydown"] as const;

/** The name of what is marked in the text, for ::highlight() in chat.module.css. */
const highlight = "found";

/**
 * Scrolls to a message, or to the first of some words in one that is higher than the screen, marks both for a moment and gives the
 * message the focus. Returns the way to stop that, or nothing if the message is not there.
 */
export function bringIntoView(
  box: HTMLElement,
  messageId: string,
  words: string[],
): (() => void) | undefined {
  const item = box.querySelector<HTMLElement>(`[data-message="${CSS.escape(messageId)}"]`);
  if (!item) {
    return undefined;
  }
  const begun = performance.now();
  let frame = 0;
  let focused = false;
  const stop = () => {
    cancelAnimationFrame(frame);
    for (const event of takingOver) {
      box.removeEventListener(event, stop);
    }
  };
  const correct = () => {
    const ranges = findWords(item, words);
    mark(ranges);
    const first = ranges[0];
    if (first && item.offsetHeight > box.clientHeight * 0.8) {
      const offset = first.getBoundingClientRect().top - box.getBoundingClientRect().top;
      box.scrollTop += offset - box.clientHeight / 3;
    } else {
      item.scrollIntoView({ block: item.offsetHeight > box.clientHeight * 0.8 ? "start" : "center" });
    }
    // Not before what had the focus has given it back.
    if (!focused && performance.now() - begun > 50) {
      focused = true;
      const article = item.querySelector<HTMLElement>("article");
      article?.setAttribute("tabindex", "-1");
      article?.focus({ preventScroll: true });
    }
    if (performance.now() - begun < settling) {
      frame = requestAnimationFrame(correct);
    }
  };
  for (const event of takingOver) {
    box.addEventListener(event, stop, { passive: true });
  }
  correct();
  item.dataset.target = "";
  const unmark = () => {
    delete item.dataset.target;
    mark([]);
  };
  const timer = setTimeout(unmark, marked);
  return () => {
    stop();
    clearTimeout(timer);
    unmark();
  };
}

function mark(ranges: Range[]): void {
  // Not every browser can.
  if (typeof Highlight !== "undefined") {
    CSS.highlights.set(highlight, new Highlight(...ranges));
  }
}
