// Everything at once: exports and imports of an account, and what it takes.
import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { Problem } from "./problem";
import type { components } from "./schema";

export type Export = components["schemas"]["Export"];
export type Import = components["schemas"]["Import"];

/** Whether a job goes on, so that how far it is has to be asked again. */
export const underWay = (job: Export | Import | null | undefined) =>
  job?.state === "waiting" || job?.state === "running";

const often = 1000;

/** Null: there never was one, or its traces are gone. */
async function orNone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) {
      return null;
    }
    throw error;
  }
}

export const exportQuery = queryOptions({
  queryKey: ["export"],
  queryFn: ({ signal }) => orNone(unwrap(client.GET("/api/account/export", { signal }))),
  refetchInterval: ({ state }) => (underWay(state.data) ? often : false),
});

export const importQuery = queryOptions({
  queryKey: ["import"],
  queryFn: ({ signal }) => orNone(unwrap(client.GET("/api/account/import", { signal }))),
  refetchInterval: ({ state }) => (underWay(state.data) ? often : false),
});

export const storageQuery = queryOptions({
  queryKey: ["storage"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/account/storage", { signal })),
});

export function beginExport(): Promise<Export> {
  return unwrap(client.POST("/api/account/export"));
}

/** Stops an export, or deletes its file. */
export async function dropExport(): Promise<void> {
  await unwrap(client.DELETE("/api/account/export"));
}

/** Hands a file over; it is read in the background. */
export function beginImport(file: File): Promise<Import> {
  return unwrap(
    client.POST("/api/account/import", {
      body: file as unknown as string, // how the description writes bytes
      bodySerializer: (body) => body,
      headers: { "content-type": "application/octet-stream" },
    }),
  );
}
