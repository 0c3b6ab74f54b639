import { Kbd, Loader, Modal, Text, TextInput } from "@mantine/core";
import { IconChevronDown, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { longestQuery } from "~/api/search";
import { strings } from "~/strings";
import { leaveDialog } from "./overlays";
import { Option, SearchTrouble } from "./PaletteParts";
import { search, step } from "./palette";
import classes from "./palette.module.css";
import { type Entry, useCommands, useHits, useKnownConversations } from "./paletteEntries";

const s = strings.palette;

// Of the conversations that are known here; the server finds the others.
const mostKnown = 10;
const mostRecent = 6;

/** Finds commands, conversations and messages, and opens them, without a mouse. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<string>();
  const listId = useId();
  const hits = useHits(query);
  const found = useGroups(query, hits);
  const flat = found.flatMap(({ entries }) => entries);
  const at = Math.max(
    0,
    flat.findIndex(({ id }) => id === chosen),
  );
  const current = flat[at];
  const optionId = (entry: Entry) => `${listId}-${entry.id.replaceAll(/\s/g, "-")}`;
  const currentId = current && optionId(current);

  useEffect(() => {
    if (currentId) {
      document.getElementById(currentId)?.scrollIntoView({ block: "nearest" });
    }
  }, [currentId]);

  const run = (entry: Entry | undefined) => {
    if (entry?.more) {
      if (!hits.loadingMore) {
        void hits.more().then((first) => first && setChosen(first));
      }
    } else if (entry) {
      (entry.leads ? leaveDialog : onClose)();
      entry.run();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = flat.length > 0 ? step(event.key, at, flat.length) : undefined;
    if (next !== undefined) {
      event.preventDefault();
      setChosen(flat[next]?.id);
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      run(current);
    }
  };
  const shown = flat.filter(({ more }) => !more).length;
  const nothing = query.trim() !== "" && shown === 0 && !hits.waiting && !hits.problem;
  return (
    <Modal.Root
      opened
      onClose={onClose}
      lockScroll={false}
      returnFocus={false}
      size="lg"
      yOffset="12dvh"
      padding={0}
      classNames={{ inner: classes.inner }}
    >
      <Modal.Overlay />
      <Modal.Content aria-label={s.label}>
        <TextInput
          data-autofocus
          size="md"
          variant="unstyled"
          className={classes.field}
          leftSection={<IconSearch size={18} aria-hidden />}
          rightSection={hits.waiting && <Loader size={16} aria-hidden />}
          placeholder={s.placeholder}
          aria-label={s.placeholder}
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={currentId}
          aria-autocomplete="list"
          maxLength={longestQuery}
          value={query}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            setChosen(undefined);
          }}
          onKeyDown={onKeyDown}
        />
        <div className={classes.body}>
          <div
            id={listId}
            className={classes.results}
            role="listbox"
            aria-label={s.label}
            aria-busy={hits.waiting}
          >
            {found.map(({ title, entries, stale }) => (
              // biome-ignore lint/a11y/useSemanticElements: a group within a listbox
              <div key={title} role="group" aria-label={title} data-stale={stale || undefined}>
                <div className={classes.group} aria-hidden>
                  {title}
                </div>
                {entries.map((entry) => (
                  <Option
                    key={entry.id}
                    id={optionId(entry)}
                    entry={entry}
                    selected={entry === current}
                    busy={entry.more === true && hits.loadingMore}
                    onPoint={() => setChosen(entry.id)}
                    onPick={() => run(entry)}
                  />
                ))}
              </div>
            ))}
          </div>
          {hits.problem && <SearchTrouble error={hits.problem} onRetry={hits.retry} />}
          {hits.indexing && !hits.problem && (
            <Text size="sm" c="dimmed" className={classes.note}>
              {s.indexing}
            </Text>
          )}
          {shown === 0 && hits.waiting && (
            <Text size="sm" c="dimmed" p="lg" ta="center">
              {s.searching}
            </Text>
          )}
          {nothing && (
            <div className={classes.nothing}>
              <Text size="sm">{s.empty}</Text>
              <Text size="sm" c="dimmed">
                {s.emptyHint}
              </Text>
            </div>
          )}
        </div>
        <div className={classes.legend} aria-hidden>
          <span>
            <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> {s.navigate}
          </span>
          <span>
            <Kbd size="xs">Enter</Kbd> {s.run}
          </span>
          <span>
            <Kbd size="xs">Esc</Kbd> {s.close}
          </span>
        </div>
        <div className={classes.count} role="status">
          {query.trim() !== "" && (hits.waiting ? "" : s.results(shown, hits.hasMore))}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}

interface Group {
  title: string;
  entries: Entry[];
  /** It belongs to what was typed before. */
  stale?: boolean;
}

/** What is shown for a query: what is known at once first, what the server finds below, so that nothing moves away. */
function useGroups(query: string, hits: ReturnType<typeof useHits>): Group[] {
  const commands = useCommands();
  const known = useKnownConversations();
  const groups = query.trim() === "" ? atFirst(commands, known) : forQuery(query, commands, known, hits);
  return groups.filter(({ entries }) => entries.length > 0);
}

function atFirst(commands: Entry[], known: Entry[]): Group[] {
  const isPage = ({ id }: Entry) => id.startsWith("/");
  return [
    { title: s.commands, entries: commands.filter((entry) => !isPage(entry)) },
    { title: s.recent, entries: known.slice(0, mostRecent) },
    { title: strings.shell.settings, entries: commands.filter(isPage) },
  ];
}

function forQuery(
  query: string,
  commands: Entry[],
  known: Entry[],
  hits: ReturnType<typeof useHits>,
): Group[] {
  const label = (entry: Entry) => entry.label;
  const here = search(query, known, label).slice(0, mostKnown);
  const elsewhere = hits.titles.filter(({ id }) => !here.some((entry) => entry.id === id));
  // The server says what of a title fits.
  const marked = here.map((entry) => ({
    ...entry,
    hit: hits.waiting ? undefined : hits.titles.find(({ id }) => id === entry.id)?.hit,
  }));
  const more: Entry = {
    id: "more",
    label: hits.loadingMore ? s.loadingMore : s.more,
    icon: <IconChevronDown size={18} />,
    more: true,
    run: () => undefined,
  };
  return [
    { title: s.commands, entries: search(query, commands, label) },
    { title: s.titles, entries: [...marked, ...(hits.waiting ? [] : elsewhere)] },
    { title: s.messages, entries: [...hits.messages, ...(hits.hasMore ? [more] : [])], stale: hits.waiting },
  ];
}
