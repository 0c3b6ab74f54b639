import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { deletePlan, type Plan, plansQuery } from "~/api/adminPlans";
import { ConfirmDialog } from "~/settings/ConfirmDialog";
import { failed, succeeded } from "~/settings/notices";
import { adminStrings } from "~/strings/admin";

const s = adminStrings.plans;

/** Deletes a plan, which the server refuses while somebody was given it. */
export function DeletePlan({ plan: { id, name } }: { plan: Plan }) {
  const cache = useQueryClient();
  const [asking, ask] = useDisclosure();
  const remove = useMutation({
    mutationFn: () => deletePlan(id),
    onSuccess: () => succeeded(s.deleted),
    onError: (error) => failed(s.deleteFailed, error),
    onSettled: () => cache.invalidateQueries({ queryKey: plansQuery.queryKey }),
  });
  return (
    <>
      <Button
        size="xs"
        variant="light"
        color="red"
        aria-label={s.delete(name)}
        loading={remove.isPending}
        onClick={ask.open}
      >
        {adminStrings.common.delete}
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.deleteQuestion(name)}
        action={adminStrings.common.delete}
        onConfirm={() => remove.mutate()}
      >
        {s.deleteText}
      </ConfirmDialog>
    </>
  );
}
