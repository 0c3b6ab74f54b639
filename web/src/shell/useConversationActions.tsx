import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
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
import { tellTabs } from "~/lib/tabs";
import { strings } from "~/strings";
import { deleteLater, showAgain, undoDelete, undoTime } from "./pendingDeletes";

const s = strings.list;

function failed(error: unknown) {
  noteFailure(error);
  const message = error instanceof Problem ? error.detail : undefined;
  notifications.show({ color: "red", title: s.changeFailed, message });
}

function settled(cache: QueryClient) {
  tellTabs({ type: "list" });
  return refreshConversations(cache);
}

/** Says what was done, and offers to undo it. */
function offerUndo(message: string, undo: () => void) {
  const id = notifications.show({
    autoClose: undoTime,
    message: (
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text size="sm" lineClamp={2}>
          {message}
        </Text>
        <Button
          size="compact-sm"
          variant="light"
          flex="none"
          onClick={() => {
            notifications.hide(id);
            undo();
          }}
        >
          {s.undo}
        </Button>
      </Group>
    ),
  });
}

/** Changes a conversation; the list shows it at once and goes back if the server refuses. */
export function useConversationActions(conversation: Conversation) {
  const { id } = conversation;
  const title = conversation.title || s.untitled;
  const cache = useQueryClient();
  const navigate = useNavigate();
  const open = useParams({ strict: false }).conversationId === id;

  const update = useMutation({
    mutationFn: (patch: ConversationPatch) => updateConversation(id, patch),
    // Into or out of the archive means: gone from the list that is shown.
    onMutate: (patch) => patchConversationLists(cache, id, patch.archived === undefined ? patch : null),
    onError: failed,
    onSettled: () => settled(cache),
  });

  const archive = (archived: boolean) => {
    update.mutate({ archived });
    offerUndo(archived ? s.archived(title) : s.unarchived(title), () =>
      update.mutate({ archived: !archived }),
    );
  };

  const remove = () => {
    deleteLater(id, (leaving) => {
      deleteConversation(id, leaving)
        .then(async () => {
          const { forgetThread } = await import("~/chat/threads");
          forgetThread(id);
          patchConversationLists(cache, id, null);
        })
        .catch(failed)
        .finally(() => {
          showAgain(id);
          void settled(cache);
        });
    });
    if (open) {
      void navigate({ to: "/" });
    }
    offerUndo(s.deleted(title), () => {
      if (undoDelete(id) && open) {
        void navigate({ to: "/c/$conversationId", params: { conversationId: id } });
      }
    });
  };
  return { update: update.mutate, archive, remove };
}
