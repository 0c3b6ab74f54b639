import { notifications } from "@mantine/notifications";
import { noteFailure } from "~/api/queryClient";
import { describe } from "./Trouble";

/** Says that something was done. */
export function succeeded(message: string): void {
  notifications.show({ color: "teal", message, withBorder: true });
}

/** Says that something was not done, and why. */
export function failed(title: string, error: unknown): void {
  noteFailure(error);
  const { title: what, text, color } = describe(error);
  notifications.show({ color, title, message: text || what, withBorder: true });
}
