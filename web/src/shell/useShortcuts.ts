import { useHotkeys } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { closeDialog, dialog, openDialog } from "./overlays";
import { keys } from "./shortcuts";

// The chat's field, see chat/Composer.tsx. Known by its id, so that the frame does not wait for the chat.
export const focusComposer = () => document.getElementById("composer")?.focus();

/** Goes to the conversation before or after the one that is open, in the order of the list. */
export function stepConversation(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-conversation]")];
  const at = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const next = at < 0 ? (by > 0 ? 0 : -1) : at + by;
  links[next]?.click();
}

/** The keyboard shortcuts that work everywhere. */
export function useShortcuts({ toggleSidebar }: { toggleSidebar: () => void }) {
  const navigate = useNavigate();
  // Also while something is typed.
  useHotkeys(
    [
      [keys.palette, () => (dialog.get() === "palette" ? closeDialog() : openDialog("palette"))],
      [keys.newChat, () => void navigate({ to: "/" }).then(focusComposer)],
      [keys.sidebar, toggleSidebar],
      [keys.next, () => stepConversation(1)],
      [keys.previous, () => stepConversation(-1)],
    ],
    [],
  );
  useHotkeys([
    [keys.focus, focusComposer],
    [keys.help, () => openDialog("shortcuts")],
  ]);
}
