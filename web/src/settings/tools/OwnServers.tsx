import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlus } from "@tabler/icons-react";
import type { McpServer } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { ConfirmDialog } from "../ConfirmDialog";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { ServerForm } from "./ServerForm";
import { ServerRow } from "./ServerRow";
import { useServerActions } from "./useServers";

const s = settingsStrings.tools;

/** The servers that the user has added. */
export function OwnServers({ servers }: { servers: McpServer[] }) {
  const [adding, add] = useDisclosure();
  const button = (
    <Button size="xs" leftSection={<IconPlus size={14} aria-hidden />} onClick={add.open}>
      {s.add}
    </Button>
  );
  return (
    <Section title={s.own} description={s.ownText} aside={servers.length > 0 && button}>
      {servers.length === 0 ? (
        <div className={classes.empty}>
          <Text fw={550}>{s.emptyTitle}</Text>
          <Text size="sm" c="dimmed" mb="sm">
            {s.empty}
          </Text>
          {button}
        </div>
      ) : (
        <ul className={classes.list}>
          {servers.map((server) => (
            <li key={server.id}>
              <OwnServer server={server} />
            </li>
          ))}
        </ul>
      )}
      <ServerForm opened={adding} onClose={add.close} />
    </Section>
  );
}

function OwnServer({ server }: { server: McpServer }) {
  const { name, url, headers, approval } = server;
  const { remove } = useServerActions(server);
  const [editing, edit] = useDisclosure();
  const [removing, ask] = useDisclosure();
  const about = [s.serverApprovals[approval], ...(headers.length > 0 ? [s.headers(headers.length)] : [])];
  return (
    <>
      <ServerRow
        server={server}
        actions={
          <>
            <Button size="compact-sm" variant="default" aria-label={s.editOf(name)} onClick={edit.open}>
              {settingsStrings.common.edit}
            </Button>
            <Button
              size="compact-sm"
              variant="subtle"
              color="red"
              aria-label={s.removeOf(name)}
              onClick={ask.open}
            >
              {settingsStrings.common.remove}
            </Button>
          </>
        }
      >
        <Text size="sm" c="dimmed">
          {url}
        </Text>
        <Text size="sm" c="dimmed">
          {about.join(" · ")}
        </Text>
      </ServerRow>
      <ServerForm opened={editing} server={server} onClose={edit.close} />
      <ConfirmDialog
        opened={removing}
        onClose={ask.close}
        title={s.removeTitle(name)}
        action={settingsStrings.common.remove}
        onConfirm={() => remove.mutate()}
      >
        {s.removeText}
      </ConfirmDialog>
    </>
  );
}
