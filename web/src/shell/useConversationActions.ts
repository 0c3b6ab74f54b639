import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import {
  deleteConversation,
  patchConversationLists,
  refreshConversations,
  updateConversation,
} from "~/api/conversations";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import type { Conversation, ConversationPatch } from "~/api/types";
import { forgetThread } from "~/chat/threads";
import { strings } from "~/strings";

/** Changes a conversation; the list shows it at once and goes back if the server refuses. */
export function useConversationActions({ id }: Conversation) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const open = useParams({ strict: false }).conversationId === id;

  const settled = () => refreshConversations(cache);
  const failed = (error: unknown) => {
    noteFailure(error);
    const message = error instanceof Problem ? error.detail : undefined;
    notifications.show({ color: "red", title: strings.list.changeFailed, message });
  };
  const update = useMutation({
    mutationFn: (patch: ConversationPatch) => updateConversation(id, patch),
    // Into or out of the archive means: gone from the list that is shown.
    onMutate: (patch) => patchConversationLists(cache, id, patch.archived === undefined ? patch : null),
    onError: failed,
    onSettled: settled,
  });
  const remove = useMutation({
    mutationFn: () => deleteConversation(id),
    onMutate: () => patchConversationLists(cache, id, null),
    onSuccess: () => {
      forgetThread(id);
      if (open) {
        void navigate({ to: "/" });
      }
    },
    onError: failed,
    onSettled: settled,
  });
  return { update: update.mutate, remove: () => remove.mutate() };
}
