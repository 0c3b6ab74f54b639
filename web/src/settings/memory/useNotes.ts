import { useMutation, useQueryClient } from "@tanstack/react-query";
import {
  addMemory,
  changeMemory,
  deleteMemories,
  deleteMemory,
  type Memory,
  memoriesQuery,
  showMemories,
} from "~/api/memories";
import { settingsStrings } from "~/strings/settings";
import { failed, succeeded } from "../notices";

const s = settingsStrings.memory;

/** What can be done with notes. Failures are said, and the list is asked for anew. */
export function useNotes() {
  const cache = useQueryClient();
  const onError = (error: unknown) => {
    failed(settingsStrings.common.changeFailed, error);
    void cache.invalidateQueries({ queryKey: memoriesQuery.queryKey });
  };
  const show = (change: (items: Memory[]) => Memory[]) => {
    // An answer that is on its way may not know of the change.
    void cache.cancelQueries({ queryKey: memoriesQuery.queryKey });
    showMemories(cache, change);
  };
  const add = useMutation({
    mutationFn: addMemory,
    onSuccess: (added) => show((items) => [added, ...items.filter(({ id }) => id !== added.id)]),
    onError,
  });
  const change = useMutation({
    mutationFn: ({ id, content }: { id: string; content: string }) => changeMemory(id, content),
    onSuccess: (changed) => show((items) => items.map((item) => (item.id === changed.id ? changed : item))),
    onError,
  });
  const remove = useMutation({
    mutationFn: deleteMemory,
    onSuccess: (_, removed) => {
      show((items) => items.filter(({ id }) => id !== removed));
      succeeded(s.deleted);
    },
    onError,
  });
  const clear = useMutation({
    mutationFn: deleteMemories,
    onSuccess: () => {
      show(() => []);
      succeeded(s.cleared);
    },
    onError,
  });
  return { add, change, remove, clear };
}
