import { strings } from "~/strings";

const s = strings.shortcuts;

/** Keys as Mantine's useHotkeys reads them; "mod" is Cmd on a Mac and Ctrl elsewhere. */
export const keys = {
  palette: "mod+K",
  newChat: "mod+shift+O",
  sidebar: "mod+B",
  next: "alt+shift+ArrowDown",
  previous: "alt+shift+ArrowUp",
  focus: "/",
  help: "shift+?",
} as const;

interface Line {
  keys: string;
  label: string;
}

/** What the help shows. */
export const help: { title: string; lines: Line[] }[] = [
  {
    title: s.general,
    lines: [
      { keys: keys.palette, label: s.palette },
      { keys: keys.newChat, label: s.newChat },
      { keys: keys.sidebar, label: s.sidebar },
      { keys: keys.next, label: s.next },
      { keys: keys.previous, label: s.previous },
      { keys: "?", label: s.help },
    ],
  },
  {
    title: s.chat,
    lines: [
      { keys: keys.focus, label: s.focus },
      { keys: "Enter", label: s.send },
      { keys: "shift+Enter", label: s.newLine },
      { keys: "ArrowUp", label: s.editLast },
      { keys: "Escape", label: s.stop },
    ],
  },
];

const names: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", shift: "Shift" };
const macNames: Record<string, string> = { ...names, mod: "⌘", alt: "⌥", shift: "⇧" };

export const isMac = () => /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The keys of a shortcut, as they are printed on this computer's keyboard. */
export function keyNames(shortcut: string, mac = isMac()): string[] {
  const table = mac ? macNames : { ...names, mod: "Ctrl", alt: "Alt" };
  return shortcut.split("+").map((key) => table[key] ?? key);
}
