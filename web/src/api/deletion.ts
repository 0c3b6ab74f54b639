import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";

/** Deletes the account; `confirm` is its e-mail address. Problem "reauthentication_required": sign in again first. */
export function deleteAccount(confirm: string) {
  return unwrap(client.POST("/api/account/delete", { body: { confirm } }));
}

/** The receipt of a deletion, which needs no session. Asked again until it is done. */
export const receiptQuery = (id: string) =>
  queryOptions({
    queryKey: ["deletion", id],
    queryFn: ({ signal }) => unwrap(client.GET("/api/deletions/{id}", { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => (state.data?.state === "done" ? false : 1500),
  });
