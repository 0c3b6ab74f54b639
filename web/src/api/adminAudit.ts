import { infiniteQueryOptions } from "@tanstack/react-query";
import { ask } from "./admin";

export interface AuditEntry {
  id: number;
  at: string;
  /** "admin", or who ran a command or a statement. */
  actor: string;
  actorId: string | null;
  action: string;
  subject: string | null;
  /** The account whose private brain was written by copying the subject's. */
  object: string | null;
  target: string | null;
  change: { before: Record<string, unknown> | null; after: Record<string, unknown> | null } | null;
  detail: string;
  requestId: string | null;
}

export interface AuditFilter {
  actor?: string;
  subject?: string;
  action?: string;
}

/** What admins and operators did, the newest first. */
export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["admin", "audit", filter],
    queryFn: ({ pageParam, signal }) =>
      ask<{ entries: AuditEntry[]; nextBefore: number | null }>("get", "/api/admin/audit", {
        query: { ...filter, before: pageParam, limit: 50 },
        signal,
      }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.nextBefore ?? undefined,
    staleTime: 0,
  });
