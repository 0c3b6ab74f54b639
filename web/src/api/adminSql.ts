// SQL of admins: over the public brain, as an analyst reads it.
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./admin";
import type { SqlResult, SqlSchema } from "./sql";

export const adminSchemaQuery = queryOptions({
  queryKey: ["admin", "sql-schema"],
  queryFn: ({ signal }) => ask<SqlSchema>("get", "/api/admin/sql/schema", { signal }),
  staleTime: 5 * 60_000,
});

/** Runs a query. What is wrong with it is a Problem with code "sql_error", and in `sql` where. */
export const runAdminSql = (query: string, signal: AbortSignal) =>
  ask<SqlResult>("post", "/api/admin/sql", { body: { query }, signal });

/** How the database would go about a query, which is not run. */
export const planAdminSql = async (query: string, signal: AbortSignal) =>
  (await ask<{ plan: string }>("post", "/api/admin/sql/plan", { body: { query }, signal })).plan;

export interface SavedQuery {
  id: string;
  name: string;
  query: string;
  updatedAt: string;
}

/** Queries that all admins share, by name. */
export const savedQueriesQuery = queryOptions({
  queryKey: ["admin", "queries"],
  queryFn: async ({ signal }) =>
    (await ask<{ queries: SavedQuery[] }>("get", "/api/admin/queries", { signal })).queries,
});

export const saveQuery = (name: string, query: string) =>
  ask<SavedQuery>("post", "/api/admin/queries", { body: { name, query } });

export const changeQuery = (id: string, name: string, query: string) =>
  ask<SavedQuery>("put", "/api/admin/queries/{id}", { path: { id }, body: { name, query } });

export const deleteQuery = (id: string) => ask("delete", "/api/admin/queries/{id}", { path: { id } });
