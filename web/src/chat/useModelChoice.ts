import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { modelsQuery } from "~/api/models";
import { Problem } from "~/api/problem";
import { settingsQuery, updateSettings } from "~/api/settings";
import type { Model, Settings } from "~/api/types";
import { strings } from "~/strings";
import type { ModelChoice } from "./thread";

type Remembered = Partial<Pick<Settings, "defaultModel" | "reasoningEffort">>;

export interface Choice {
  models?: Model[];
  model?: Model;
  /** Undefined: left to the model. */
  effort?: string;
  /** What goes along with a message. */
  request: ModelChoice;
  pick: (model: Model) => void;
  pickEffort: (effort: string | undefined) => void;
}

/** The model that answers next: the chosen one while it can be used, else the server's own choice. */
export function currentModel(
  models: Model[] | undefined,
  chosen: string | null | undefined,
): Model | undefined {
  const usable = models?.filter((model) => model.available);
  return usable?.find((m) => m.id === chosen) ?? usable?.find((m) => m.default) ?? usable?.[0];
}

/** Which model answers and how much it thinks. A choice is remembered in the settings. */
export function useModelChoice(): Choice {
  const cache = useQueryClient();
  const { data: models } = useQuery(modelsQuery);
  const { data: settings } = useQuery(settingsQuery);
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
    models,
    model,
    effort,
    request: { modelId: model?.id, ...(effort ? { reasoningEffort: effort } : {}) },
    pick: (next) => save.mutate({ defaultModel: next.id }),
    pickEffort: (next) => save.mutate({ reasoningEffort: (next ?? null) as Settings["reasoningEffort"] }),
  };
}
