import { Button, Group, Kbd, Menu, Text, VisuallyHidden } from "@mantine/core";
import { IconHistory, IconListSearch, IconPlayerPlay, IconPlayerStop, IconTable } from "@tabler/icons-react";
import { useState } from "react";
import { keyNames } from "~/shell/shortcuts";
import { sqlStrings } from "~/strings/sql";
import { examples } from "./examples";
import { forgetHistory, historyOf } from "./history";
import classes from "./sql.module.css";

const s = sqlStrings;

interface Props {
  user: string;
  running: boolean;
  tablesShown: boolean;
  onTables: () => void;
  onRun: () => void;
  onCancel: () => void;
  /** Puts a query into the editor. */
  onTake: (query: string) => void;
}

/** Below the editor: running, queries to begin with and from before, and the keys. */
export function Toolbar({ user, running, tablesShown, onTables, onRun, onCancel, onTake }: Props) {
  return (
    <div className={classes.toolbar}>
      <Group gap="xs">
        {running ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlayerStop size={14} aria-hidden />}
            onClick={onCancel}
          >
            {s.cancel}
          </Button>
        ) : (
          <Button size="xs" leftSection={<IconPlayerPlay size={14} aria-hidden />} onClick={onRun}>
            {s.run}
          </Button>
        )}
        <Menu position="bottom-start" withinPortal>
          <Menu.Target>
            <Button size="xs" variant="default" leftSection={<IconListSearch size={14} aria-hidden />}>
              {s.examplesMenu}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {examples.map(({ title, sql }) => (
              <Menu.Item key={title} onClick={() => onTake(sql)}>
                {title}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <History user={user} onTake={onTake} />
        <Button
          size="xs"
          variant="default"
          className={classes.narrow}
          leftSection={<IconTable size={14} aria-hidden />}
          aria-expanded={tablesShown}
          onClick={onTables}
        >
          {s.tables}
        </Button>
      </Group>
      <Text size="xs" c="dimmed" className={classes.keys}>
        <Kbd size="xs">{keyNames("mod+Enter").join(" ")}</Kbd> {s.keys.run} · <Kbd size="xs">Esc</Kbd>{" "}
        {s.keys.and} <Kbd size="xs">Tab</Kbd> {s.keys.leave}
      </Text>
      <VisuallyHidden>{s.runSelected}</VisuallyHidden>
    </div>
  );
}

/** The last queries of this tab. Read when it is opened. */
function History({ user, onTake }: { user: string; onTake: (query: string) => void }) {
  const [queries, setQueries] = useState<string[]>([]);
  return (
    <Menu position="bottom-start" withinPortal onOpen={() => setQueries(historyOf(user))}>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconHistory size={14} aria-hidden />}>
          {s.history}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={classes.history}>
        <Menu.Label>{queries.length > 0 ? s.historyLabel : s.historyEmpty}</Menu.Label>
        {queries.map((query) => (
          <Menu.Item key={query} onClick={() => onTake(query)}>
            <span className={classes.past}>{query}</span>
          </Menu.Item>
        ))}
        {queries.length > 0 && (
          <>
            <Menu.Divider />
            <Menu.Item onClick={() => forgetHistory(user)}>{s.forget}</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
