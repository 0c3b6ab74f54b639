import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask } from "./admin";

/** The rows of each report: columns of the function of this name in the schema analytics. */
export interface Reports {
  "active-users": { day: string; daily: number; weekly: number; monthly: number };
  retention: {
    cohort: string;
    users: number;
    deleted: number;
    period: number;
    active: number;
    share: number | null;
  };
  usage: {
    day: string;
    provider: string;
    model: string;
    keySource: string;
    messages: number;
    inputTokens: number;
    outputTokens: number;
    costMicrousd: number;
  };
  "top-users": {
    place: number;
    userId: string;
    messages: number;
    tokens: number;
    costMicrousd: number;
    ownKeyMicrousd: number;
  };
  outcomes: {
    day: string;
    provider: string;
    model: string;
    runs: number;
    complete: number;
    stopped: number;
    interrupted: number;
    failed: number;
  };
  "first-token": {
    day: string;
    provider: string;
    model: string;
    keySource: string;
    runs: number;
    p50Ms: number;
    p90Ms: number;
    p95Ms: number;
    p99Ms: number;
  };
  "quota-hits": { day: string; quota: string; hits: number; users: number };
  accounts: { day: string; signups: number; deletions: number; deleted: number };
}

export interface Report<Name extends keyof Reports> {
  since: string;
  until: string;
  zone: string;
  rows: Reports[Name][];
}

/** The local days that reports are about. */
export interface Span {
  since: string;
  until: string;
  zone: string;
}

export const reportQuery = <Name extends keyof Reports>(report: Name, span: Span) =>
  queryOptions({
    queryKey: ["admin", "report", report, span],
    queryFn: ({ signal }) =>
      ask<Report<Name>>("get", "/api/admin/analytics/{report}", {
        path: { report },
        query: { ...span },
        signal,
      }),
    staleTime: 60_000,
    // While another span loads, the one before stays in sight.
    placeholderData: keepPreviousData,
  });

/** The platform at this moment. */
export interface Overview {
  users: number;
  brainsBehind: number;
  brainsFailed: number;
  activeToday: number;
  runsUnderWay: number;
  instances: number;
  /** When the reports were brought up to date; null: never. */
  foldedAt: string | null;
  /** Runs that no report has yet. */
  waiting: number;
}

export const overviewQuery = queryOptions({
  queryKey: ["admin", "overview"],
  queryFn: ({ signal }) => ask<Overview>("get", "/api/admin/overview", { signal }),
  refetchInterval: 30_000,
});
