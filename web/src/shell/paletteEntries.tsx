import { useMantineColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  IconArchive,
  IconEdit,
  IconHourglass,
  IconKeyboard,
  IconMessage,
  IconMoon,
  IconPin,
  IconSql,
} from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { conversationsQuery } from "~/api/conversations";
import { isSearchable, type SearchHit, searchQuery } from "~/api/search";
import { useCell } from "~/lib/cell";
import { pages } from "~/settings/nav";
import { strings } from "~/strings";
import { openDialog } from "./overlays";
import { sortHits, wordsOf } from "./palette";
import { deletedIds } from "./pendingDeletes";
import { keys } from "./shortcuts";
import { focusComposer } from "./useShortcuts";

const s = strings.palette;

// Milliseconds without a key, after which the server is asked.
const pause = 160;

/** One line of the palette. */
export interface Entry {
  id: string;
  label: string;
  icon: ReactNode;
  shortcut?: string;
  /** Where the server found what was typed. */
  hit?: SearchHit;
  /** It brings more of the list, which stays open. */
  more?: boolean;
  /** It takes the focus elsewhere. */
  leads?: boolean;
  run: () => void;
}

/** What can be done, beside going to a conversation. */
export function useCommands(): Entry[] {
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
        id: "temporary",
        label: s.newTemporary,
        icon: <IconHourglass size={18} />,
        run: () => void navigate({ to: "/", search: { temporary: true } }).then(focusComposer),
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
      {
        id: "sql",
        label: strings.shell.sql,
        icon: <IconSql size={18} />,
        run: () => void navigate({ to: "/sql" }),
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

/** The conversations that this page has in its list already. */
export function useKnownConversations(): Entry[] {
  const open = useOpen();
  const { data } = useInfiniteQuery(conversationsQuery(false));
  const deleted = useCell(deletedIds);
  return useMemo(
    () =>
      (data?.pages ?? [])
        .flatMap((page) => page.items)
        .filter(({ id }) => !deleted.has(id))
        .map(({ id, title, pinned, archivedAt }) => {
          const Icon = archivedAt ? IconArchive : pinned ? IconPin : IconMessage;
          return {
            id,
            label: title || strings.list.untitled,
            icon: <Icon size={18} />,
            run: () => open(id),
          };
        }),
    [data, deleted, open],
  );
}

/** What the server finds: conversations by their titles, and messages. */
export function useHits(query: string) {
  const open = useOpen();
  const words = query.trimStart();
  const [asked] = useDebouncedValue(words, pause);
  const searchable = isSearchable(words);
  const found = useInfiniteQuery({
    ...searchQuery(asked),
    enabled: searchable && isSearchable(asked),
    placeholderData: keepPreviousData,
  });
  const deleted = useCell(deletedIds);
  const { data, fetchNextPage, isFetchNextPageError } = found;

  const entries = useMemo(() => {
    const hits = searchable ? (data?.pages ?? []).flatMap((page) => page.items) : [];
    const { titles, messages } = sortHits(hits, deleted);
    const entryOf = (hit: SearchHit): Entry => ({
      id: hit.messageId === null ? hit.conversationId : `message ${hit.messageId}`,
      label: hit.title || strings.list.untitled,
      icon: <IconMessage size={18} />,
      hit,
      leads: hit.messageId !== null,
      run: () =>
        hit.messageId === null ? open(hit.conversationId) : open(hit.conversationId, hit.messageId, hit),
    });
    return { titles: titles.map(entryOf), messages: messages.map(entryOf) };
  }, [data, deleted, open, searchable]);

  return {
    ...entries,
    /** What is shown is not the answer yet. */
    waiting: searchable && (asked !== words || found.isPlaceholderData || found.isPending),
    problem: searchable && !isFetchNextPageError ? (found.error ?? undefined) : undefined,
    indexing: searchable && data?.pages.at(-1)?.indexing === true,
    hasMore: searchable && found.hasNextPage,
    loadingMore: found.isFetchingNextPage,
    retry: () => void found.refetch(),
    /** Fetches the next page. Returns the first entry of it. */
    more: async (): Promise<string | undefined> => {
      const [first] = (await fetchNextPage()).data?.pages.at(-1)?.items ?? [];
      return first && (first.messageId === null ? first.conversationId : `message ${first.messageId}`);
    },
  };
}

function useOpen() {
  const navigate = useNavigate();
  return useMemo(
    () => (conversationId: string, message?: string, hit?: SearchHit) =>
      void navigate({
        to: "/c/$conversationId",
        params: { conversationId },
        search: message === undefined ? {} : { message },
        state: hit ? { words: wordsOf(hit) } : {},
      }),
    [navigate],
  );
}
