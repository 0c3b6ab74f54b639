import type { Limits, Model } from "~/api/types";
import { strings } from "~/strings";
import type { DraftFile } from "./drafts";

const mebibyte = 1024 * 1024;

/** The server's limit that cannot be configured, see docs/attachments.md. Its other refusals come in its own words. */
export const maxFiles = 20;

/** What the file dialog offers. Whatever is dropped or pasted is left to the server to judge. */
export const accepted = [
  "image/png",
  "image/jpeg",
  "image/webp",
  "image/gif",
  "application/pdf",
  "text/*",
  "application/json",
  ".md",
  ".csv",
  ".json",
  ".log",
  ".yaml",
  ".yml",
  ".toml",
  ".xml",
  ".sql",
  ".sh",
  ".py",
  ".js",
  ".ts",
  ".tsx",
  ".go",
  ".rs",
  ".java",
  ".c",
  ".cpp",
  ".h",
].join(",");

/** A size for people: whole kilobytes, megabytes and gigabytes with one decimal. */
export function readableSize(bytes: number): string {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  if (bytes < mebibyte) {
    return `${Math.round(bytes / 1024)} KB`;
  }
  const mebibytes = bytes / mebibyte;
  return mebibytes < 1024 ? `${mebibytes.toFixed(1)} MB` : `${(mebibytes / 1024).toFixed(1)} GB`;
}

interface Sized {
  name: string;
  size: number;
}

/** Why a file cannot come along with those that are there already; undefined if it can. */
export function refusal(file: Sized, there: Sized[], limits: Limits | undefined): string | undefined {
  const s = strings.chat.files;
  if (file.size === 0) {
    return s.empty(file.name);
  }
  if (there.length >= maxFiles) {
    return s.tooMany(maxFiles);
  }
  if (!limits) {
    return undefined;
  }
  const most = Math.min(limits.attachmentBytes, limits.messageAttachmentBytes);
  if (file.size > most) {
    return s.tooLarge(file.name, readableSize(most));
  }
  const together = there.reduce((sum, { size }) => sum + size, file.size);
  if (together > limits.messageAttachmentBytes) {
    return s.tooMuch(file.name, readableSize(limits.messageAttachmentBytes));
  }
  return undefined;
}

/** Why the model cannot answer a message with these files; undefined if it can. */
export function unreadable(
  model: Model | undefined,
  files: Pick<DraftFile, "mediaType">[],
): string | undefined {
  if (!model) {
    return undefined;
  }
  const s = strings.chat.files;
  const { images, files: pdfs } = model.capabilities;
  if (!images && files.some(({ mediaType }) => mediaType.startsWith("image/"))) {
    return s.noImages(model.name);
  }
  if (!pdfs && files.some(({ mediaType }) => mediaType === "application/pdf")) {
    return s.noPdfs(model.name);
  }
  return undefined;
}
