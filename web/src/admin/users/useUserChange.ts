import { useMutation, useQueryClient } from "@tanstack/react-query";
import { userQuery } from "~/api/adminUsers";
import { failed, succeeded } from "~/settings/notices";
import { adminStrings } from "~/strings/admin";

/** Something that is done to an account. Afterwards everything that shows it is asked for anew. */
export function useUserChange<T, V = void>(
  id: string,
  change: (value: V) => Promise<T>,
  done: string | ((result: T) => string),
  failure: string = adminStrings.users.failed,
) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (result) => succeeded(typeof done === "string" ? done : done(result)),
    onError: (error) => failed(failure, error),
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: userQuery(id).queryKey }),
        cache.invalidateQueries({ queryKey: ["admin", "users"] }),
        cache.invalidateQueries({ queryKey: ["admin", "plans"] }),
      ]),
  });
}
