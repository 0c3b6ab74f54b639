import { type RefObject, useEffect, useRef } from "react";

/** For the button that opens a form in its own place: has the focus again when the form is closed. */
export function useReturnFocus(opened: boolean): RefObject<HTMLButtonElement | null> {
  const button = useRef<HTMLButtonElement>(null);
  const before = useRef(opened);
  useEffect(() => {
    if (before.current && !opened) {
      button.current?.focus();
    }
    before.current = opened;
  }, [opened]);
  return button;
}
