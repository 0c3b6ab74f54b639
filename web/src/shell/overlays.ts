import { Cell } from "~/lib/cell";

type Dialog = "palette" | "shortcuts";

/** Which of the page's own dialogs is open. */
export const dialog = new Cell<Dialog | undefined>(undefined);

let before: Element | null = null;

export function openDialog(name: Dialog): void {
  if (dialog.get() === undefined) {
    before = document.activeElement;
  }
  dialog.set(name);
}

/** Closes what is open, when the focus is about to go elsewhere. */
export function leaveDialog(): void {
  before = null;
  dialog.set(undefined);
}

/** Closes what is open; the focus goes back to where it was. */
export function closeDialog(): void {
  dialog.set(undefined);
  requestAnimationFrame(() => {
    if (dialog.get() === undefined && before instanceof HTMLElement && before.isConnected) {
      before.focus();
    }
  });
}
