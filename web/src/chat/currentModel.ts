import type { Model } from "~/api/types";

/** The model that answers next: the chosen one while it can be used, else the server's own choice. */
export function currentModel(
  models: Model[] | undefined,
  chosen: string | null | undefined,
): Model | undefined {
  const usable = models?.filter((model) => model.available);
  return usable?.find((m) => m.id === chosen) ?? usable?.find((m) => m.default) ?? usable?.[0];
}
