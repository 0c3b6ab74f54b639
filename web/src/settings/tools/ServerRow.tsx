import { Button, Switch } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { testServer } from "~/api/mcp";
import { noteFailure } from "~/api/queryClient";
import type { McpServer } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";
import { TestResult } from "./TestResult";
import { useServerActions } from "./useServers";

const s = settingsStrings.tools;

interface Props {
  server: McpServer;
  /** What is said about it. */
  children: ReactNode;
  /** Further things to do with it. */
  actions?: ReactNode;
}

/** One server: on or off, and what a test of it finds. */
export function ServerRow({ server, children, actions }: Props) {
  const { id, name, enabled } = server;
  const { update } = useServerActions(server);
  const test = useMutation({ mutationFn: () => testServer(id), onError: noteFailure });
  const tester = (
    <Button
      size="compact-sm"
      variant="default"
      aria-label={s.testOf(name)}
      loading={test.isPending}
      onClick={() => test.mutate()}
    >
      {settingsStrings.common.test}
    </Button>
  );
  return (
    <div className={classes.pad}>
      <div className={classes.serverHead}>
        <div className={classes.rowText}>
          <div className={classes.rowTitle}>{name}</div>
          {children}
        </div>
        <div className={classes.rowControl}>
          {!actions && tester}
          <Switch
            aria-label={s.enable(name)}
            checked={enabled}
            onChange={(event) => update.mutate({ enabled: event.currentTarget.checked })}
          />
        </div>
      </div>
      {actions && (
        <div className={classes.rowControl}>
          {tester}
          {actions}
        </div>
      )}
      <TestResult name={name} test={test} />
    </div>
  );
}
