import { NativeSelect } from "@mantine/core";
import type { Model, Settings, SettingsPatch } from "~/api/types";
import { currentModel } from "~/chat/currentModel";
import { settingsStrings } from "~/strings/settings";
import { providerOf } from "./keys/providers";
import { Section } from "./Section";
import classes from "./settings.module.css";

const s = settingsStrings.models;
const automatic = "";

interface Props {
  models: Model[];
  settings: Settings;
  onChange: (patch: SettingsPatch) => void;
}

/** The model and the amount of reasoning that messages start with. */
export function ModelDefaults({ models, settings, onChange }: Props) {
  const usable = models.filter(({ available, id }) => available || id === settings.defaultModel);
  const groups = [...new Set(usable.map(({ provider }) => provider))].map((provider) => ({
    group: providerOf(provider).name,
    items: usable
      .filter((model) => model.provider === provider)
      .map(({ id, name, available }) => ({ value: id, label: name, disabled: !available })),
  }));
  const fallback = currentModel(models, undefined)?.name;
  const current = currentModel(models, settings.defaultModel);
  const efforts = current?.efforts ?? [];

  return (
    <Section title={s.defaults}>
      <div className={classes.defaults}>
        <NativeSelect
          label={s.model}
          value={settings.defaultModel ?? automatic}
          onChange={(event) => onChange({ defaultModel: event.currentTarget.value || null })}
          data={[{ value: automatic, label: fallback ? s.automaticText(fallback) : s.automatic }, ...groups]}
        />
        <NativeSelect
          label={s.effort}
          description={s.effortHelp}
          inputWrapperOrder={["label", "input", "description", "error"]}
          value={settings.reasoningEffort ?? automatic}
          onChange={(event) =>
            onChange({
              reasoningEffort: (event.currentTarget.value || null) as SettingsPatch["reasoningEffort"],
            })
          }
          data={[
            { value: automatic, label: s.effortAuto },
            ...Object.entries(s.efforts).map(([value, label]) => ({
              value,
              label,
              disabled: efforts.length > 0 && !efforts.includes(value),
            })),
          ]}
        />
      </div>
    </Section>
  );
}
