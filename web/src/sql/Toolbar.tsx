import { Button, Group, Kbd, Menu, Text, VisuallyHidden } from "@mantine/core";
import {
  IconHistory,
  IconListSearch,
  IconPlayerPlay,
  IconPlayerStop,
  IconSitemap,
  IconTable,
} from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { keyNames } from "~/shell/shortcuts";
import { sqlStrings } from "~/strings/sql";
import type { Example } from "./examples";
import { forgetHistory, historyOf } from "./history";
import classes from "./sql.module.css";

const s = sqlStrings;

interface Props {
  owner: string;
  examples: readonly Example[];
  running: boolean;
  tablesShown: boolean;
  onTables: () => void;
  onRun: () => void;
  /** Absent where plans are not told. */
  onPlan: (() => void) | undefined;
  onCancel: () => void;
  /** Puts a query into the editor. */
  onTake: (query: string) => void;
  /** One more button. */
  children?: ReactNode;
}

/** Below the editor: running, queries to begin with and from before, and the keys. */
export function Toolbar(props: Props) {
  const { owner, examples, running, tablesShown, onTables, onRun, onPlan, onCancel, onTake, children } =
    props;
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
        {onPlan && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconSitemap size={14} aria-hidden />}
            disabled={running}
            onClick={onPlan}
          >
            {s.plan}
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
        <History owner={owner} onTake={onTake} />
        {children}
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
function History({ owner, onTake }: { owner: string; onTake: (query: string) => void }) {
  const [queries, setQueries] = useState<string[]>([]);
  return (
    <Menu position="bottom-start" withinPortal onOpen={() => setQueries(historyOf(owner))}>
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
            <Menu.Item onClick={() => forgetHistory(owner)}>{s.forget}</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
