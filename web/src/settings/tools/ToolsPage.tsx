import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { keysQuery } from "~/api/keys";
import { serversQuery } from "~/api/mcp";
import { settingsStrings } from "~/strings/settings";
import { KeyCard } from "../keys/KeyCard";
import { providerOf, searchProvider } from "../keys/providers";
import { Loaded } from "../Loaded";
import { Section } from "../Section";
import { SettingsPage } from "../SettingsPage";
import classes from "../settings.module.css";
import { ApprovalPolicy } from "./ApprovalPolicy";
import { HistoryTool } from "./HistoryTool";
import { OwnServers } from "./OwnServers";
import { ServerRow } from "./ServerRow";

const s = settingsStrings.tools;

/** What models may use besides their own knowledge. */
export function ToolsPage() {
  const servers = useQuery(serversQuery);
  const keys = useQuery(keysQuery);
  return (
    <SettingsPage title={settingsStrings.nav.tools} lead={s.lead}>
      <ApprovalPolicy />
      <HistoryTool />
      <Section title={s.search} description={s.searchText}>
        <Loaded query={keys} lines={2}>
          {(stored) => (
            <KeyCard
              provider={providerOf(searchProvider)}
              stored={stored.find(({ provider }) => provider === searchProvider)}
            />
          )}
        </Loaded>
      </Section>
      <Loaded query={servers} lines={8}>
        {(list) => {
          const builtin = list.filter((server) => server.builtin);
          return (
            <>
              <OwnServers servers={list.filter((server) => !server.builtin)} />
              {builtin.length > 0 && (
                <Section title={s.builtin} description={s.builtinText}>
                  <ul className={classes.list}>
                    {builtin.map((server) => (
                      <li key={server.id}>
                        <ServerRow server={server}>
                          <Text size="sm" c="dimmed">
                            {server.description}
                          </Text>
                        </ServerRow>
                      </li>
                    ))}
                  </ul>
                </Section>
              )}
            </>
          );
        }}
      </Loaded>
    </SettingsPage>
  );
}
