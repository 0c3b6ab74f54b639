import { Kbd, Modal, Text, TextInput, useMantineColorScheme } from "@mantine/core";
import {
  IconArchive,
  IconEdit,
  IconKeyboard,
  IconMessage,
  IconMoon,
  IconPin,
  IconSearch,
} from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useState } from "react";
import { conversationsQuery } from "~/api/conversations";
import { useCell } from "~/lib/cell";
import { pages } from "~/settings/nav";
import { strings } from "~/strings";
import { openDialog } from "./overlays";
import { search } from "./palette";
import classes from "./palette.module.css";
import { deletedIds } from "./pendingDeletes";
import { keyNames, keys } from "./shortcuts";
import { focusComposer } from "./useShortcuts";

const s = strings.palette;

// As many as a search looks through, 40 a page.
const mostPages = 25;
const mostShown = 30;

interface Entry {
  id: string;
  label: string;
  icon: ReactNode;
  shortcut?: string;
  run: () => void;
}

/** Finds conversations by title, and does what can be done, without a mouse. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const listId = useId();
  const commands = useCommands();
  const conversations = useConversations(query);

  const found = useMemo(() => {
    const conversationEntries = search(query, conversations.entries, ({ label }) => label).slice(
      0,
      query === "" ? 6 : mostShown,
    );
    const commandEntries = search(query, commands, ({ label }) => label);
    const groups =
      query === ""
        ? [
            { title: s.commands, entries: commandEntries.slice(0, 3) },
            { title: s.recent, entries: conversationEntries },
            { title: strings.shell.settings, entries: commandEntries.slice(3) },
          ]
        : [
            { title: s.conversations, entries: conversationEntries },
            { title: s.commands, entries: commandEntries },
          ];
    return groups.filter(({ entries }) => entries.length > 0);
  }, [query, commands, conversations.entries]);
  const flat = found.flatMap(({ entries }) => entries);
  const at = Math.min(chosen, flat.length - 1);
  const optionId = (index: number) => `${listId}-${index}`;

  useEffect(() => {
    document.getElementById(`${listId}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at, listId]);

  const run = (entry: Entry | undefined) => {
    if (entry) {
      onClose();
      entry.run();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && flat.length > 0) {
      event.preventDefault();
      setChosen((at + step + flat.length) % flat.length);
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      run(flat[at]);
    }
  };
  let index = -1;
  return (
    <Modal.Root opened onClose={onClose} lockScroll={false} size="lg" yOffset="12dvh" padding={0}>
      <Modal.Overlay />
      <Modal.Content aria-label={s.label}>
        <TextInput
          data-autofocus
          size="md"
          variant="unstyled"
          className={classes.field}
          leftSection={<IconSearch size={18} aria-hidden />}
          placeholder={s.placeholder}
          aria-label={s.placeholder}
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={flat.length > 0 ? optionId(at) : undefined}
          aria-autocomplete="list"
          value={query}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={onKeyDown}
        />
        <div className={classes.results} id={listId} role="listbox" aria-label={s.label}>
          {found.map(({ title, entries }) => (
            // biome-ignore lint/a11y/useSemanticElements: a group within a listbox
            <div key={title} role="group" aria-label={title}>
              <div className={classes.group} aria-hidden>
                {title}
              </div>
              {entries.map((entry) => {
                index += 1;
                const own = index;
                return (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field
                  // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field
                  <div
                    key={entry.id}
                    id={optionId(own)}
                    role="option"
                    aria-selected={own === at}
                    className={classes.option}
                    onMouseMove={() => setChosen(own)}
                    onClick={() => run(entry)}
                  >
                    {entry.icon}
                    <span className={classes.label}>{entry.label}</span>
                    {entry.shortcut && <Kbd size="xs">{keyNames(entry.shortcut).join(" ")}</Kbd>}
                  </div>
                );
              })}
            </div>
          ))}
        </div>
        {flat.length === 0 && (
          <Text size="sm" c="dimmed" p="lg" ta="center">
            {conversations.searching ? s.searching : s.empty}
          </Text>
        )}
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
          {query !== "" && s.results(flat.length)}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}

function useCommands(): Entry[] {
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  return useMemo(
    () => [
      {
        id: "new",
        label: strings.list.newChat,
        icon: <IconEdit size={18} />,
        shortcut: keys.newChat,
        run: () => void navigate({ to: "/" }).then(focusComposer),
      },
      {
        id: "theme",
        label: s.toggleTheme,
        icon: <IconMoon size={18} />,
        run: () => {
          const dark =
            colorScheme === "dark" ||
            (colorScheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
          setColorScheme(dark ? "light" : "dark");
        },
      },
      {
        id: "shortcuts",
        label: strings.shortcuts.show,
        icon: <IconKeyboard size={18} />,
        shortcut: "?",
        run: () => openDialog("shortcuts"),
      },
      ...pages.map(({ to, label, Icon }) => ({
        id: to,
        label: `${strings.shell.settings}: ${label}`,
        icon: <Icon size={18} />,
        run: () => void navigate({ to }),
      })),
    ],
    [navigate, colorScheme, setColorScheme],
  );
}

/** The conversations that are known; with something to look for, older ones are fetched as well. */
function useConversations(query: string): { entries: Entry[]; searching: boolean } {
  const navigate = useNavigate();
  const list = useInfiniteQuery(conversationsQuery(false));
  const archive = useInfiniteQuery({ ...conversationsQuery(true), enabled: query !== "" });
  const deleted = useCell(deletedIds);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = list;
  const more = query !== "" && hasNextPage && (data?.pages.length ?? 0) < mostPages;
  useEffect(() => {
    if (more && !isFetchingNextPage) {
      void fetchNextPage();
    }
  }, [more, isFetchingNextPage, fetchNextPage]);

  const entries = useMemo(
    () =>
      [...(data?.pages ?? []), ...(query === "" ? [] : (archive.data?.pages ?? []))]
        .flatMap((page) => page.items)
        .filter(({ id }) => !deleted.has(id))
        .map(({ id, title, pinned, archivedAt }) => {
          const Icon = archivedAt ? IconArchive : pinned ? IconPin : IconMessage;
          return {
            id,
            label: title || strings.list.untitled,
            icon: <Icon size={18} />,
            run: () => void navigate({ to: "/c/$conversationId", params: { conversationId: id } }),
          };
        }),
    [data, archive.data, deleted, query, navigate],
  );
  return { entries, searching: more || isFetchingNextPage };
}
