import { client, unwrap } from "./client";
import { offline, type Problem, problemFromBody } from "./problem";
import type { components } from "./schema";

export type Attachment = components["schemas"]["Attachment"];

/** Progress is told as a share of 1. The fetch API could not tell it. */
export function uploadAttachment(
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Attachment> {
  return new Promise((resolve, reject: (problem: Problem | DOMException) => void) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/attachments?filename=${encodeURIComponent(file.name)}`);
    // What it is, the server finds out from its bytes; browsers' names for types of text differ.
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(offline());
    request.ontimeout = () => reject(offline());
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    request.onload = () => {
      let body: unknown;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = undefined;
      }
      if (request.status === 201 && body) {
        resolve(body as Attachment);
      } else {
        reject(problemFromBody(body, request.status));
      }
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** Removes a file that no message needs. */
export async function deleteAttachment(id: string): Promise<void> {
  await unwrap(client.DELETE("/api/attachments/{id}", { params: { path: { id } } }));
}
