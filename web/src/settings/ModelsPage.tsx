import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { modelsQuery } from "~/api/models";
import { hiddenModels, withModelShown } from "~/api/preferences";
import type { Model } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { providerOf } from "./keys/providers";
import { Loaded } from "./Loaded";
import { ModelDefaults } from "./ModelDefaults";
import { ModelRow } from "./ModelRow";
import { Section } from "./Section";
import { SettingsPage } from "./SettingsPage";
import classes from "./settings.module.css";
import { useSettings } from "./useSettings";

const s = settingsStrings.models;

/** Which model answers, and which ones are there to choose from. */
export function ModelsPage() {
  const models = useQuery(modelsQuery);
  const { query, save } = useSettings();
  return (
    <SettingsPage title={settingsStrings.nav.models} lead={s.lead}>
      <Loaded query={models} lines={10}>
        {(list) => (
          <Loaded query={query} lines={10}>
            {(settings) =>
              list.length === 0 ? (
                <div className={`${classes.card} ${classes.empty}`}>
                  <Text fw={550}>{s.emptyTitle}</Text>
                  <Text size="sm" c="dimmed">
                    {s.empty}
                  </Text>
                </div>
              ) : (
                <>
                  <ModelDefaults models={list} settings={settings} onChange={save.mutate} />
                  <Section title={s.list} description={s.listText} bare>
                    {byProvider(list).map(([provider, own]) => (
                      <section key={provider} className={classes.card} aria-label={providerOf(provider).name}>
                        <Text size="sm" fw={550} c="dimmed" pt="sm" pb={6} component="h3" m={0}>
                          {providerOf(provider).name}
                        </Text>
                        {own.map((model) => (
                          <ModelRow
                            key={model.id}
                            model={model}
                            chosen={model.id === settings.defaultModel}
                            shown={!hiddenModels(settings).has(model.id)}
                            onShow={(shown) =>
                              save.mutate({ preferences: withModelShown(settings, model.id, shown) })
                            }
                          />
                        ))}
                      </section>
                    ))}
                  </Section>
                </>
              )
            }
          </Loaded>
        )}
      </Loaded>
    </SettingsPage>
  );
}

/** The models in groups, in the order in which their providers come first. */
export function byProvider(models: Model[]): [string, Model[]][] {
  const groups = new Map<string, Model[]>();
  for (const model of models) {
    groups.set(model.provider, [...(groups.get(model.provider) ?? []), model]);
  }
  return [...groups];
}
