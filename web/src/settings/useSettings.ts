import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { settingsQuery, updateSettings } from "~/api/settings";
import type { SettingsPatch } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { failed } from "./notices";

const mutationKey = ["settings"];

/**
 * The settings, and a way to change them that shows at once and goes back if the server refuses. Changes reach the server
 * one after the other, so that the last one wins there too.
 */
export function useSettings() {
  const cache = useQueryClient();
  const query = useQuery(settingsQuery);
  const save = useMutation({
    mutationKey,
    scope: { id: "settings" },
    mutationFn: updateSettings,
    onMutate: async (patch: SettingsPatch) => {
      await cache.cancelQueries({ queryKey: settingsQuery.queryKey });
      const before = cache.getQueryData(settingsQuery.queryKey);
      cache.setQueryData(
        settingsQuery.queryKey,
        before && { ...before, ...(patch as Partial<typeof before>) },
      );
      return before;
    },
    onError: (error, _patch, before) => {
      failed(settingsStrings.common.changeFailed, error);
      cache.setQueryData(settingsQuery.queryKey, before);
      void cache.invalidateQueries({ queryKey: settingsQuery.queryKey });
    },
    // What later changes show is not overwritten by the answer to an earlier one.
    onSuccess: (saved) => {
      if (cache.isMutating({ mutationKey }) === 1) {
        cache.setQueryData(settingsQuery.queryKey, saved);
      }
    },
  });
  return { query, save };
}
