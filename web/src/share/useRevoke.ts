import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { refreshShares, revokeShare, sharesQuery } from "~/api/shares";
import { shareStrings } from "~/strings/share";

const s = shareStrings.links;

/** Revokes a link; the lists show it as gone as soon as it is. */
export function useRevoke() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: revokeShare,
    onSuccess: (_, id) => {
      cache.setQueryData(
        sharesQuery.queryKey,
        (list) => list && { ...list, items: list.items.filter((share) => share.id !== id) },
      );
      notifications.show({ message: s.revoked });
    },
    onError: (error) => {
      noteFailure(error);
      const message = error instanceof Problem ? error.detail : undefined;
      notifications.show({ color: "red", title: s.revokeFailed, message });
    },
    onSettled: () => refreshShares(cache),
  });
}
