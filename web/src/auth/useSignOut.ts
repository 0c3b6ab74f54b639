import { notifications } from "@mantine/notifications";
import { forgetDrafts } from "~/chat/drafts";
import { strings } from "~/strings";
import { signOut } from "./service";

/** Ends the session and leaves for the sign-in page. Without a connection it says so and stays. */
export function useSignOut(): () => Promise<void> {
  return async () => {
    try {
      // While the server still knows who deletes it.
      await import("~/chat/temporary").then(({ endTemporary }) => endTemporary(true));
      await signOut();
    } catch {
      const { title, detail } = strings.problems.offline;
      notifications.show({ color: "red", title, message: detail });
      return;
    }
    forgetDrafts();
    try {
      sessionStorage.clear();
    } catch {
      // There was none.
    }
    // A whole new page: nothing of this account stays in memory.
    location.assign("/auth/login");
  };
}
