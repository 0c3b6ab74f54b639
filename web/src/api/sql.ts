// SQL over one's own private brain.
import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { Problem } from "./problem";
import type { components } from "./schema";

export type SqlResult = components["schemas"]["SQLResult"];
export type SqlSchema = components["schemas"]["SQLSchema"];
export type SqlTable = components["schemas"]["Table"];

/** What can be queried. Null: this server has no console. */
export const sqlSchemaQuery = queryOptions({
  queryKey: ["sql-schema"],
  queryFn: async ({ signal }): Promise<SqlSchema | null> => {
    try {
      return await unwrap(client.GET("/api/sql/schema", { signal }));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) {
        return null;
      }
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

/** Runs a query. What is wrong with it is a Problem with code "sql_error", and in `sql` where. */
export function runSql(query: string, signal: AbortSignal): Promise<SqlResult> {
  return unwrap(client.POST("/api/sql", { body: { query }, signal }));
}
