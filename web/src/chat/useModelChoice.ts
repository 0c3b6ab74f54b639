import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { modelsQuery } from "~/api/models";
import { shownModels } from "~/api/preferences";
import { Problem } from "~/api/problem";
import { settingsQuery, updateSettings } from "~/api/settings";
import type { Model, Settings } from "~/api/types";
import { strings } from "~/strings";
import { currentModel } from "./currentModel";
import type { ModelChoice } from "./thread";

type Remembered = Partial<Pick<Settings, "defaultModel" | "reasoningEffort">>;

export interface Choice {
  /** Those to choose from. */
  models?: Model[];
  model?: Model;
  /** Undefined: left to the model. */
  effort?: string;
  /** What goes along with a message. */
  request: ModelChoice;
  pick: (model: Model) => void;
  pickEffort: (effort: string | undefined) => void;
}

/** Which model answers and how much it thinks. A choice is remembered in the settings. */
export function useModelChoice(): Choice {
  const cache = useQueryClient();
  const { data: listed } = useQuery(modelsQuery);
  const { data: settings, isError } = useQuery(settingsQuery);
  // Without the settings the list would show hidden models for a moment, and the wrong one as chosen.
  const models = settings || isError ? listed : undefined;
  const save = useMutation({
    mutationFn: updateSettings,
    onMutate: (patch: Remembered) => {
      const before = cache.getQueryData(settingsQuery.queryKey);
      cache.setQueryData(settingsQuery.queryKey, (old) => (old ? { ...old, ...patch } : old));
      return before;
    },
    onSuccess: (saved) => cache.setQueryData(settingsQuery.queryKey, saved),
    onError: (error, _patch, before) => {
      cache.setQueryData(settingsQuery.queryKey, before);
      const message = error instanceof Problem ? error.detail : undefined;
      notifications.show({ color: "red", title: strings.models.saveFailed, message });
    },
  });

  const model = currentModel(models, settings?.defaultModel);
  const effort = model?.efforts.find((e) => e === settings?.reasoningEffort);
  return {
    models: models && shownModels(models, settings, model?.id),
    model,
    effort,
    request: { modelId: model?.id, ...(effort ? { reasoningEffort: effort } : {}) },
    pick: (next) => save.mutate({ defaultModel: next.id }),
    pickEffort: (next) => save.mutate({ reasoningEffort: (next ?? null) as Settings["reasoningEffort"] }),
  };
}
