import { Button, Skeleton, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { conversationsQuery } from "~/api/conversations";
import { strings } from "~/strings";
import { ConversationItem } from "./ConversationItem";
import { groupConversations } from "./groups";

const s = strings.list;

/** The conversations by day, with more on request. */
export function ConversationList({ archived }: { archived: boolean }) {
  const query = useInfiniteQuery(conversationsQuery(archived));
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
  const items = query.data.pages.flatMap((page) => page.items);
  if (items.length === 0) {
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
        <Button
          variant="subtle"
          size="compact-sm"
          mt="sm"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {s.more}
        </Button>
      )}
    </>
  );
}
