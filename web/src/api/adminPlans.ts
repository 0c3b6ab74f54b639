import { queryOptions } from "@tanstack/react-query";
import { ask, type PlanLimits } from "./admin";

export interface PlanWish {
  name: string;
  isDefault: boolean;
  limits: PlanLimits;
}

export interface Plan extends PlanWish {
  id: string;
  /** Accounts that were given it; who has it by default is not counted. */
  users: number;
  createdAt: string;
  updatedAt: string;
}

/** All plans, and the limits of the configuration for who has none. */
export const plansQuery = queryOptions({
  queryKey: ["admin", "plans"],
  queryFn: ({ signal }) =>
    ask<{ plans: Plan[]; configured: PlanLimits }>("get", "/api/admin/plans", { signal }),
});

export const createPlan = (id: string, wish: PlanWish) =>
  ask("post", "/api/admin/plans", { body: { id, ...wish } });

export const changePlan = (id: string, wish: PlanWish) =>
  ask("put", "/api/admin/plans/{id}", { path: { id }, body: wish });

export const deletePlan = (id: string) => ask("delete", "/api/admin/plans/{id}", { path: { id } });
