import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import type { Settings, SettingsPatch } from "./types";

export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/settings", { signal })),
  staleTime: 5 * 60_000,
});

export function updateSettings(patch: SettingsPatch): Promise<Settings> {
  return unwrap(client.PATCH("/api/settings", { body: patch }));
}
