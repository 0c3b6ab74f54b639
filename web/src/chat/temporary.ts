// The temporary chat of this page: at most one, at an address that does not name it. It ends when it is left, and then
// nothing of it is kept here or at the server.
import { deleteAttachment } from "~/api/attachments";
import { deleteConversation } from "~/api/conversations";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { Cell } from "~/lib/cell";
import { newId } from "~/lib/id";
import { fleetingDraft, forgetFleeting, getDraft, isEmptyDraft } from "./drafts";
import { forgetThread, knownThread } from "./threads";
import { forgetUploads } from "./uploads";

// Seconds before each attempt to delete it: one may come before the first message has arrived, or while there is no
// connection. In the end the server deletes it by itself.
const pauses = [0, 1, 4, 15];

/** The id of the temporary chat that is open, or that would be begun next. */
export const temporaryId = new Cell(newId());

/** Whether leaving the temporary chat would lose something. */
export function isWorthAsking(): boolean {
  const id = temporaryId.get();
  return (knownThread(id)?.chat.messages.length ?? 0) > 0 || !isEmptyDraft(getDraft(fleetingDraft(id)));
}

/**
 * Ends the temporary chat, if there is one, and returns once the server knows or was asked often enough. leaving: the page
 * is being closed, so there is one attempt, which outlives it.
 */
export async function endTemporary(leaving = false): Promise<void> {
  const id = temporaryId.get();
  const thread = knownThread(id);
  const { files } = getDraft(fleetingDraft(id));
  // What was posted may have arrived, even if nobody has heard so.
  const atServer = thread !== undefined && (thread.stored || thread.chat.messages.length > 0);
  thread?.close();
  forgetThread(id);
  forgetUploads(id);
  forgetFleeting();
  temporaryId.set(newId());
  for (const file of files) {
    deleteAttachment(file.id).catch(noteFailure);
  }
  if (atServer) {
    await erase(id, leaving ? [0] : pauses);
  }
}

async function erase(id: string, pauses: number[]): Promise<void> {
  for (const pause of pauses) {
    if (pause > 0) {
      await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    }
    try {
      await deleteConversation(id, true);
      return;
    } catch (error) {
      if (error instanceof Problem && error.code === "unauthenticated") {
        return;
      }
    }
  }
}

let shown: string | undefined;

/** To be called when the chat is shown. Returns what to call when it is not any more: it ends, unless it is shown again at once. */
export function endTemporaryLater(id: string): () => void {
  shown = id;
  return () => {
    shown = undefined;
    setTimeout(() => {
      if (shown === undefined && temporaryId.get() === id) {
        void endTemporary();
      }
    });
  };
}

if (typeof window !== "undefined") {
  window.addEventListener("pagehide", () => void endTemporary(true));
}
