// Width and size of the text, kept in this browser. public/theme.js sets them before the first paint, by the same keys
// and values.

export const textSizes = ["small", "normal", "large", "larger"] as const;
export type TextSize = (typeof textSizes)[number];

export const widths = ["normal", "wide", "full"] as const;
export type Width = (typeof widths)[number];

const keys = { textSize: "tb-text-size", width: "tb-width" };
const attributes = { textSize: "tbSize", width: "tbWidth" };

type Kind = keyof typeof keys;
type Value<K extends Kind> = K extends "textSize" ? TextSize : Width;

/** What is set now. */
export function appearance<K extends Kind>(kind: K): Value<K> {
  const list: readonly string[] = kind === "textSize" ? textSizes : widths;
  const value = document.documentElement.dataset[attributes[kind]];
  return (value !== undefined && list.includes(value) ? value : "normal") as Value<K>;
}

/** Changes it at once, and for later visits where the browser lets pages keep things. */
export function setAppearance<K extends Kind>(kind: K, value: Value<K>): void {
  const { dataset } = document.documentElement;
  if (value === "normal") {
    delete dataset[attributes[kind]];
  } else {
    dataset[attributes[kind]] = value;
  }
  try {
    localStorage.setItem(keys[kind], value);
  } catch {
    // Storage is switched off: it holds for this visit.
  }
}
