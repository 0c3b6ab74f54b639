import { Skeleton, Stack } from "@mantine/core";

/** Stands in for a form whose flow is on its way. */
export function FormSkeleton() {
  return (
    <Stack gap="md" aria-hidden>
      <Skeleton h={66} />
      <Skeleton h={42} />
    </Stack>
  );
}
