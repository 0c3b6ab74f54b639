import { Skeleton, Stack } from "@mantine/core";
import classes from "./chat.module.css";

/** Stands in for messages that are on their way. */
export function ChatSkeleton() {
  return (
    <div className={classes.view} aria-busy="true">
      <Stack className={classes.column} gap="xl" pt="xl">
        <Skeleton h={44} w="55%" ml="auto" radius="lg" />
        <Stack gap="xs">
          <Skeleton h={12} w="92%" />
          <Skeleton h={12} w="84%" />
          <Skeleton h={12} w="60%" />
        </Stack>
      </Stack>
    </div>
  );
}
