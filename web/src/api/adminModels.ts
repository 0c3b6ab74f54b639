import { queryOptions } from "@tanstack/react-query";
import { ask } from "./admin";

/** Micro-dollars for a million tokens. */
export interface Prices {
  input: number;
  cachedInput: number;
  output: number;
}

export interface AdminModel {
  id: string;
  provider: string;
  name: string;
  access: string;
  enabled: boolean;
  isDefault: boolean;
  /** In force. */
  prices: Prices;
  /** Of the server's list. */
  listedPrices: Prices;
  /** An admin has changed something about it. */
  changed: boolean;
}

export const adminModelsQuery = queryOptions({
  queryKey: ["admin", "models"],
  queryFn: async ({ signal }) =>
    (await ask<{ models: AdminModel[] }>("get", "/api/admin/models", { signal })).models,
});

export interface ModelWish {
  id: string;
  enabled: boolean;
  isDefault: boolean;
  /** Null: the listed ones. */
  prices: Prices | null;
}

export const changeModel = (wish: ModelWish) => ask("put", "/api/admin/models", { body: wish });
