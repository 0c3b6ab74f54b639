import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useBlocker } from "@tanstack/react-router";
import { strings } from "~/strings";
import { isWorthAsking } from "./temporary";

const s = strings.chat.temporary;

interface Leaving {
  action: string;
  next: { pathname: string; search: object };
}

// Whoever is sent to sign in again cannot stay anyway.
const sentAway = ({ action, next }: Leaving) => action !== "BACK" && next.pathname.startsWith("/auth/");

const asks = (leaving: Leaving) =>
  !("temporary" in leaving.next.search) && !sentAway(leaving) && isWorthAsking();

/** Asks before a temporary chat with something in it is left, since that is its end. */
export default function LeaveGuard() {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: asks,
    enableBeforeUnload: isWorthAsking,
    withResolver: true,
  });
  if (status !== "blocked") {
    return null;
  }
  return (
    <Modal opened onClose={reset} title={s.leaveTitle} centered size="sm">
      <Stack>
        <Text size="sm">{s.leaveText}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={reset} data-autofocus>
            {s.stay}
          </Button>
          <Button color="red" onClick={proceed}>
            {s.leave}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
