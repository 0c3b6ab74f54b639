import { useState } from "react";

/**
 * A text that outlives a reload and signing in again in this tab, for what takes effort to type. Undefined: nothing was
 * typed. Never for secrets.
 */
export function useKept(name: string): [string | undefined, (text: string | undefined) => void] {
  const key = `tb-kept-${name}`;
  const [text, setText] = useState(() => {
    try {
      return sessionStorage.getItem(key) ?? undefined;
    } catch {
      return undefined;
    }
  });
  const keep = (next: string | undefined) => {
    setText(next);
    try {
      if (next === undefined) {
        sessionStorage.removeItem(key);
      } else {
        sessionStorage.setItem(key, next);
      }
    } catch {
      // Storage is switched off: it is kept until the page is left.
    }
  };
  return [text, keep];
}
