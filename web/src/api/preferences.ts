// What this app remembers in the settings' preferences. Other members belong to other clients and are kept.
import type { Model, Settings } from "./types";

/** The ids of models that are not to be shown in the picker. */
export function hiddenModels(settings: Pick<Settings, "preferences"> | undefined): Set<string> {
  const list = settings?.preferences.hiddenModels;
  return new Set(Array.isArray(list) ? list.filter((id): id is string => typeof id === "string") : []);
}

/** The preferences with one model shown or hidden. */
export function withModelShown(
  settings: Pick<Settings, "preferences">,
  id: string,
  shown: boolean,
): Settings["preferences"] {
  const hidden = hiddenModels(settings);
  if (shown) {
    hidden.delete(id);
  } else {
    hidden.add(id);
  }
  return { ...settings.preferences, hiddenModels: [...hidden].sort() };
}

/** The models to choose from. The one named by keep, such as the chosen one, is there in any case. */
export function shownModels(
  models: Model[],
  settings: Pick<Settings, "preferences"> | undefined,
  keep?: string,
): Model[] {
  const hidden = hiddenModels(settings);
  return models.filter((model) => model.id === keep || !hidden.has(model.id));
}
