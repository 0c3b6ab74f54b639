import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask, type PlanLimits } from "./admin";

export interface PlanName {
  id: string;
  name: string;
}

export interface AdminUser {
  id: string;
  email: string | null;
  state: "active" | "suspended";
  createdAt: string;
  plan: PlanName | null;
  /** They have signed in at least once: there is an account, not just an identity. */
  registered: boolean;
}

interface UserPage {
  users: AdminUser[];
  nextCursor: string | null;
}

/** The private brain of an account, as it looks from outside. */
export interface Brain {
  schema: string;
  version: number;
  latestVersion: number;
  state: "ok" | "behind" | "failed" | "old-key" | "being-deleted";
  failures: number;
  failedAt: string | null;
  migratedAt: string | null;
  createdAt: string;
  diskBytes: number;
}

export interface UserUsage {
  day: { messages: number; costMicroUsd: number; reservedMicroUsd: number };
  month: { messages: number };
  last30Days: { messages: number; tokens: number; costMicroUsd: number; ownKeyMicroUsd: number };
  lastActiveAt: string | null;
}

export interface AdminUserDetail {
  id: string;
  email: string | null;
  /** gone: there is data, but nobody who could sign in. */
  state: "active" | "suspended" | "gone";
  createdAt: string;
  admin: boolean;
  brain: Brain | null;
  plan: { assigned: string | null; overrides: PlanLimits; effective: PlanLimits; plan: PlanName | null };
  usage: UserUsage;
  /** Null: Kratos did not say. */
  sessions: number | null;
}

/** Accounts whose id or address is like the text; all where there is none. */
export const usersQuery = (q: string) =>
  infiniteQueryOptions({
    queryKey: ["admin", "users", q],
    queryFn: ({ pageParam, signal }) =>
      ask<UserPage>("get", "/api/admin/users", {
        query: { q: q || undefined, cursor: pageParam, limit: 50 },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    // Searching is on record: once is enough.
    refetchOnWindowFocus: false,
  });

export const userQuery = (id: string) =>
  queryOptions({
    queryKey: ["admin", "user", id],
    queryFn: ({ signal }) => ask<AdminUserDetail>("get", "/api/admin/users/{id}", { path: { id }, signal }),
    // Looking at an account is on record: once is enough.
    refetchOnWindowFocus: false,
  });

export const assignPlan = (id: string, planId: string | null, overrides: PlanLimits) =>
  ask("put", "/api/admin/users/{id}/plan", { path: { id }, body: { planId, overrides } });

export const suspendUser = (id: string, reason: string) =>
  ask("post", "/api/admin/users/{id}/suspend", { path: { id }, body: { reason } });

export const reinstateUser = (id: string) => ask("post", "/api/admin/users/{id}/reinstate", { path: { id } });

export const endSessions = (id: string) => ask("delete", "/api/admin/users/{id}/sessions", { path: { id } });

/** Tries a failed migration again. Returns the brain as it is then. */
export const migrateUser = (id: string) =>
  ask<Brain>("post", "/api/admin/users/{id}/migrate", { path: { id } });
