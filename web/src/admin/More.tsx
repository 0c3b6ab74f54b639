import { Button } from "@mantine/core";
import { adminStrings } from "~/strings/admin";

/** The button at the end of a list that has another page. */
export function More({
  query: { hasNextPage, fetchNextPage, isFetchingNextPage },
}: {
  query: { hasNextPage: boolean; fetchNextPage: () => unknown; isFetchingNextPage: boolean };
}) {
  return (
    hasNextPage && (
      <Button
        variant="default"
        size="xs"
        mt="md"
        loading={isFetchingNextPage}
        onClick={() => void fetchNextPage()}
      >
        {adminStrings.common.more}
      </Button>
    )
  );
}
