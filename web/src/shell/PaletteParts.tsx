import { Button, Kbd, Loader, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Problem } from "~/api/problem";
import type { SearchHit } from "~/api/search";
import { strings } from "~/strings";
import { whenSaid } from "./palette";
import classes from "./palette.module.css";
import type { Entry } from "./paletteEntries";
import { keyNames } from "./shortcuts";

const s = strings.palette;

interface OptionProps {
  id: string;
  entry: Entry;
  selected: boolean;
  busy: boolean;
  onPoint: () => void;
  onPick: () => void;
}

/** One line of the palette: a command, a conversation, a message, or the way to more of them. */
export function Option({ id, entry, selected, busy, onPoint, onPick }: OptionProps) {
  const { hit, label, icon, shortcut } = entry;
  const isMessage = hit && hit.messageId !== null;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field
    <div
      id={id}
      role="option"
      aria-selected={selected}
      className={classes.option}
      data-kind={isMessage ? "message" : undefined}
      onMouseMove={onPoint}
      onClick={onPick}
    >
      {busy ? <Loader size={18} /> : icon}
      {isMessage ? (
        <div className={classes.hit}>
          <div className={classes.hitHead}>
            <span className={classes.label}>{label}</span>
            <span className={classes.hitMeta}>
              {hit.role === "user" ? s.you : s.assistant} · {whenSaid(hit.createdAt)}
              {!hit.shown && ` · ${s.otherVersion}`}
            </span>
          </div>
          <div className={classes.snippet}>
            <Snippet hit={hit} />
          </div>
        </div>
      ) : (
        <span className={classes.label}>{hit ? <Snippet hit={hit} /> : label}</span>
      )}
      {shortcut && <Kbd size="xs">{keyNames(shortcut).join(" ")}</Kbd>}
    </div>
  );
}

function Snippet({ hit }: { hit: SearchHit }) {
  return hit.snippet.map(({ text, match }, index) =>
    match ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces do not move
      <mark key={index}>{text}</mark>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces do not move
      <span key={index}>{text}</span>
    ),
  );
}

/** Why messages are not searched, and the way to try again. */
export function SearchTrouble({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const problem = error instanceof Problem ? error : undefined;
  const seconds = useCountdown(problem);
  return (
    <div className={classes.trouble} role="alert">
      <Text size="sm" c="dimmed">
        {textOf(problem, seconds)}
      </Text>
      {problem?.code !== "invalid" && (
        <Button size="compact-sm" variant="default" disabled={seconds > 0} onClick={onRetry}>
          {strings.problems.tryAgain}
        </Button>
      )}
    </div>
  );
}

function textOf(problem: Problem | undefined, seconds: number): string {
  switch (problem?.code) {
    case "offline":
      return s.offline;
    case "rate_limited":
      return s.wait(seconds);
    case "invalid":
      return [problem.detail, ...problem.fields.map(({ message }) => message)].join(" ");
    default:
      return [s.failed, problem?.detail].filter(Boolean).join(" ");
  }
}

/** Seconds until the server wants to be asked again. */
function useCountdown(problem: Problem | undefined): number {
  const wanted = problem?.retryAfter ?? 0;
  const [left, setLeft] = useState(wanted);
  // biome-ignore lint/correctness/useExhaustiveDependencies: anew with each refusal.
  useEffect(() => {
    setLeft(wanted);
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000);
    return () => clearInterval(timer);
  }, [problem, wanted]);
  return left;
}
