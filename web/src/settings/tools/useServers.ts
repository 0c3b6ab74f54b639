import { useMutation, useQueryClient } from "@tanstack/react-query";
import { deleteServer, serversQuery, updateServer } from "~/api/mcp";
import type { McpServer, McpServerPatch } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { failed, succeeded } from "../notices";

/** Changes a server's switches and removes it; the list shows it at once and goes back if the server refuses. */
export function useServerActions(server: McpServer) {
  const cache = useQueryClient();
  const { queryKey } = serversQuery;
  const onError = (error: unknown) => failed(settingsStrings.common.changeFailed, error);
  const onSettled = () => void cache.invalidateQueries({ queryKey });

  const update = useMutation({
    scope: { id: `mcp-server-${server.id}` },
    mutationFn: (patch: Pick<McpServerPatch, "enabled">) => updateServer(server.id, patch),
    onMutate: async (patch) => {
      await cache.cancelQueries({ queryKey });
      cache.setQueryData(
        queryKey,
        (list) =>
          list && { ...list, items: list.items.map((s) => (s.id === server.id ? { ...s, ...patch } : s)) },
      );
    },
    onError,
    onSettled,
  });
  const remove = useMutation({
    mutationFn: () => deleteServer(server.id),
    onMutate: () =>
      cache.setQueryData(
        queryKey,
        (list) => list && { ...list, items: list.items.filter(({ id }) => id !== server.id) },
      ),
    onSuccess: () => succeeded(settingsStrings.tools.removed(server.name)),
    onError,
    onSettled,
  });
  return { update, remove };
}
