import { Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { settingsStrings } from "~/strings/settings";
import { Trouble } from "./Trouble";

interface Props<T> {
  query: UseQueryResult<T>;
  /** Lines of the skeleton. */
  lines?: number;
  children: (data: T) => ReactNode;
}

/** What a query brings, a skeleton of it before, and what went wrong if it brings nothing. */
export function Loaded<T>({ query, lines = 3, children }: Props<T>) {
  if (query.data !== undefined) {
    return children(query.data);
  }
  if (query.isError) {
    return <Trouble error={query.error} onRetry={() => void query.refetch()} />;
  }
  return <Waiting lines={lines} />;
}

/** A skeleton of so many lines. */
export function Waiting({ lines }: { lines: number }) {
  return (
    <Stack gap="md" py="sm" aria-busy role="status" aria-label={settingsStrings.common.loading}>
      {Array.from({ length: lines }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike.
        <Skeleton key={i} h={i % 2 ? 12 : 18} w={i % 2 ? "55%" : "80%"} />
      ))}
    </Stack>
  );
}
