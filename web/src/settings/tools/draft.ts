// What is typed about a server, and what of it is sent.
import type { McpServer, McpServerCreate, McpServerPatch } from "~/api/types";

export interface Draft {
  name: string;
  url: string;
  transport: McpServer["transport"];
  approval: McpServer["approval"];
}

export interface Header {
  name: string;
  value: string;
}

export function draftOf(server: McpServer | undefined): Draft {
  return {
    name: server?.name ?? "",
    url: server?.url ?? "",
    transport: server?.transport ?? "streamable-http",
    approval: server?.approval ?? "writes",
  };
}

/** Whether the headers of a server have to be entered anew, since they were meant for another place. */
export function movesHost(server: McpServer | undefined, url: string): boolean {
  if (!server || server.headers.length === 0) {
    return false;
  }
  try {
    return new URL(url).origin !== new URL(server.url).origin;
  } catch {
    return false;
  }
}

/** Headers as they are sent. Lines without anything in them do not count. */
export function headersOf(lines: Header[]): Record<string, string> {
  const filled = lines.filter(({ name, value }) => name.trim() !== "" || value !== "");
  return Object.fromEntries(filled.map(({ name, value }) => [name.trim(), value.trim()]));
}

export function creation(draft: Draft, headers: Header[]): McpServerCreate {
  const sent = headersOf(headers);
  return { ...trimmed(draft), enabled: true, ...(Object.keys(sent).length > 0 ? { headers: sent } : {}) };
}

/** Only what has changed. Headers are left as they are unless there are new ones, also none. */
export function change(server: McpServer, draft: Draft, headers: Header[] | undefined): McpServerPatch {
  const next = trimmed(draft);
  const before = draftOf(server);
  const changed = Object.entries(next).filter(([key, value]) => value !== before[key as keyof Draft]);
  return { ...Object.fromEntries(changed), ...(headers ? { headers: headersOf(headers) } : {}) };
}

function trimmed(draft: Draft): Draft {
  return { ...draft, name: draft.name.trim(), url: draft.url.trim() };
}
