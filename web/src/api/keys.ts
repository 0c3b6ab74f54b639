import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import { Problem } from "./problem";
import type { OwnKey } from "./types";

/** The caller's own keys: what is known of them, never a key itself. */
export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/settings/keys", { signal })),
  select: (list) => list.items,
});

/** Asks the provider whether it takes this key or, without one, the stored one. Throws a Problem if it does not. */
export async function testKey(provider: string, key?: string): Promise<void> {
  const body = key === undefined ? undefined : { key };
  await unwrap(client.POST("/api/settings/keys/{provider}/test", { params: { path: { provider } }, body }));
}

export async function deleteKey(provider: string): Promise<void> {
  await unwrap(client.DELETE("/api/settings/keys/{provider}", { params: { path: { provider } } }));
}

export interface Stored {
  key: OwnKey;
  /** Why the provider could not be asked, which says nothing about the key. Absent: the provider took the key. */
  unchecked?: Problem;
}

/** Failures of a test that say nothing about the key. */
const passing = new Set(["provider_rate", "provider_overloaded", "provider_failed"]);

/** Tries a key out and stores it. A key that its provider refuses is not stored: the Problem says so. */
export async function storeKey(provider: string, key: string): Promise<Stored> {
  let unchecked: Problem | undefined;
  try {
    await testKey(provider, key);
  } catch (error) {
    if (!(error instanceof Problem && passing.has(error.code))) {
      throw error;
    }
    unchecked = error;
  }
  const stored = await unwrap(
    client.PUT("/api/settings/keys/{provider}", { params: { path: { provider } }, body: { key } }),
  );
  return { key: stored, unchecked };
}
