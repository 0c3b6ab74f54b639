import { Button, Loader, Skeleton, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { conversationsQuery } from "~/api/conversations";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { ConversationItem } from "./ConversationItem";
import { groupConversations } from "./groups";
import { deletedIds } from "./pendingDeletes";
import classes from "./shell.module.css";

const s = strings.list;

// Other devices have no other way to tell that something happened.
const refreshEvery = 20_000;

/** The conversations by day, with more as the reader scrolls down. */
export function ConversationList({ archived }: { archived: boolean }) {
  const query = useInfiniteQuery({ ...conversationsQuery(archived), refetchInterval: refreshEvery });
  const deleted = useCell(deletedIds);
  if (query.isPending) {
    return (
      <Stack gap="sm" p="sm" pt="lg" aria-busy>
        {[70, 90, 55, 80].map((width) => (
          <Skeleton key={width} h={14} w={`${width}%`} />
        ))}
      </Stack>
    );
  }
  if (query.isError && !query.data) {
    return (
      <Stack gap="xs" p="sm" pt="lg" align="flex-start">
        <Text size="sm" c="dimmed">
          {s.failed}
        </Text>
        <Button size="compact-sm" variant="default" onClick={() => void query.refetch()}>
          {strings.problems.tryAgain}
        </Button>
      </Stack>
    );
  }
  const items = query.data.pages.flatMap((page) => page.items).filter(({ id }) => !deleted.has(id));
  if (items.length === 0 && !query.hasNextPage) {
    return (
      <Text size="sm" c="dimmed" p="sm" pt="lg">
        {archived ? s.emptyArchive : s.empty}
      </Text>
    );
  }
  return (
    <>
      {groupConversations(items, new Date()).map((group) => (
        <section key={group.title}>
          <h2>{group.title}</h2>
          <ul>
            {group.items.map((conversation) => (
              <ConversationItem key={conversation.id} conversation={conversation} />
            ))}
          </ul>
        </section>
      ))}
      {query.hasNextPage && (
        <More
          key={query.data.pages.length}
          failed={query.isFetchNextPageError}
          onMore={() => void query.fetchNextPage()}
        />
      )}
    </>
  );
}

/** Asks for more once it comes near the screen. */
function More({ failed, onMore }: { failed: boolean; onMore: () => void }) {
  const mark = useRef<HTMLDivElement>(null);
  const latest = useRef(onMore);
  latest.current = onMore;
  useEffect(() => {
    if (failed || !mark.current) {
      return;
    }
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) {
          observer.disconnect();
          latest.current();
        }
      },
      { root: mark.current.closest("nav"), rootMargin: "0px 0px 400px" },
    );
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, [failed]);
  return (
    <div ref={mark} className={classes.more}>
      {failed ? (
        <Button variant="subtle" size="compact-sm" onClick={onMore}>
          {s.more}
        </Button>
      ) : (
        <Loader size="xs" type="dots" role="status" aria-label={s.loadingMore} />
      )}
    </div>
  );
}
