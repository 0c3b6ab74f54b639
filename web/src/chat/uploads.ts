import { deleteAttachment, uploadAttachment } from "~/api/attachments";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { knownLimits } from "~/api/session";
import { Cell } from "~/lib/cell";
import { newId } from "~/lib/id";
import { refusal } from "./attachments";
import { type DraftFile, getDraft, setDraft } from "./drafts";

/** A file on its way to the server, or one that did not get there. */
export interface Upload {
  key: string;
  file: File;
  /** A share of 1. */
  progress: number;
  /** Why it failed; absent while it is under way. */
  problem?: Problem;
  abort: AbortController;
}

/** The files that are being uploaded for a draft. Once there, they are part of the draft. */
export class Uploads {
  readonly list = new Cell<Upload[]>([]);

  /** The draft that they are for. */
  draftKey: string;

  constructor(draftKey: string) {
    this.draftKey = draftKey;
  }

  get busy(): boolean {
    return this.list.get().some(({ problem }) => !problem);
  }

  /** Begins to upload those that fit, and says why others do not. */
  add(files: Iterable<File>): string[] {
    const refusals: string[] = [];
    for (const file of files) {
      const there = [...getDraft(this.draftKey).files, ...this.list.get().map((upload) => upload.file)];
      const reason = refusal(file, there, knownLimits());
      if (reason) {
        refusals.push(reason);
        continue;
      }
      const upload = { key: newId(), file, progress: 0, abort: new AbortController() };
      this.list.update((list) => [...list, upload]);
      void this.run(upload);
    }
    return refusals;
  }

  retry(key: string): void {
    const upload = this.list.get().find((u) => u.key === key);
    if (upload?.problem) {
      const again = { ...upload, progress: 0, problem: undefined, abort: new AbortController() };
      this.change(key, again);
      void this.run(again);
    }
  }

  cancel(key: string): void {
    this.list
      .get()
      .find((upload) => upload.key === key)
      ?.abort.abort();
    this.drop(key);
  }

  /** Takes a file that is already there out of the draft, and away from the server. */
  remove(id: string): void {
    const key = this.draftKey;
    setDraft(key, { files: getDraft(key).files.filter((file) => file.id !== id) });
    // If that fails, the server forgets it by itself after a day.
    deleteAttachment(id).catch(noteFailure);
  }

  private async run({ key, file, abort }: Upload): Promise<void> {
    const onProgress = (progress: number) => this.change(key, { progress });
    try {
      const done: DraftFile = await uploadAttachment(file, onProgress, abort.signal);
      if (abort.signal.aborted) {
        deleteAttachment(done.id).catch(noteFailure);
        return;
      }
      const draft = this.draftKey;
      setDraft(draft, { files: [...getDraft(draft).files, done] });
      this.drop(key);
    } catch (error) {
      if (error instanceof Problem) {
        noteFailure(error);
        this.change(key, { problem: error });
      } else {
        this.drop(key);
      }
    }
  }

  private change(key: string, patch: Partial<Upload>): void {
    this.list.update((list) => list.map((upload) => (upload.key === key ? { ...upload, ...patch } : upload)));
  }

  private drop(key: string): void {
    this.list.update((list) => list.filter((upload) => upload.key !== key));
  }
}

const all = new Map<string, Uploads>();

/** Breaks off what is under way for a conversation, and forgets it. */
export function forgetUploads(conversationId: string): void {
  const uploads = all.get(conversationId);
  for (const { key } of uploads?.list.get() ?? []) {
    uploads?.cancel(key);
  }
  all.delete(conversationId);
}

/** The uploads of a conversation: they go on while another one is looked at. */
export function uploadsOf(conversationId: string, draftKey: string): Uploads {
  const uploads = all.get(conversationId) ?? new Uploads(draftKey);
  all.set(conversationId, uploads);
  // A new conversation gets a name of its own once the server has it.
  uploads.draftKey = draftKey;
  return uploads;
}
