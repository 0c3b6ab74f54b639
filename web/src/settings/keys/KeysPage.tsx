import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { keysQuery } from "~/api/keys";
import { modelsQuery } from "~/api/models";
import { AnchorLink } from "~/shell/links";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { SettingsPage } from "../SettingsPage";
import classes from "../settings.module.css";
import { KeyCard } from "./KeyCard";
import { keyProviders } from "./providers";

const s = settingsStrings.keys;

/** The user's own keys of model providers. */
export function KeysPage() {
  const keys = useQuery(keysQuery);
  const models = useQuery(modelsQuery);
  return (
    <SettingsPage title={settingsStrings.nav.keys} lead={s.lead}>
      <div>
        <Loaded query={keys} lines={6}>
          {(stored) => (
            <Loaded query={models} lines={6}>
              {(list) => {
                const providers = keyProviders(list, stored);
                return providers.length === 0 ? (
                  <div className={`${classes.card} ${classes.empty}`}>
                    <Text fw={550}>{s.emptyTitle}</Text>
                    <Text size="sm" c="dimmed">
                      {s.empty}
                    </Text>
                  </div>
                ) : (
                  <div className={classes.card}>
                    {providers.map((provider) => (
                      <KeyCard
                        key={provider.id}
                        provider={provider}
                        stored={stored.find((key) => key.provider === provider.id)}
                      />
                    ))}
                  </div>
                );
              }}
            </Loaded>
          )}
        </Loaded>
        <Text size="sm" c="dimmed" mt="md">
          {s.safe}
        </Text>
        <Text size="sm" c="dimmed" mt={4}>
          {s.search}{" "}
          <AnchorLink to="/settings/tools" size="sm" underline="always">
            {s.searchLink}
          </AnchorLink>
        </Text>
      </div>
    </SettingsPage>
  );
}
