import { Button, Group, Stack, Switch, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { changePlan, createPlan, type Plan, type PlanWish, plansQuery } from "~/api/adminPlans";
import { succeeded } from "~/settings/notices";
import { Trouble } from "~/settings/Trouble";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import classes from "../admin.module.css";
import { LimitFields } from "../LimitFields";
import { type Complaints, formOf, limitsOf, noLimits } from "../limits";

const s = adminStrings.plans;

interface Props {
  /** Absent: a new one is made. */
  plan?: Plan;
  onDone: () => void;
}

/** Where a plan is written. */
export function PlanForm({ plan, onDone }: Props) {
  const cache = useQueryClient();
  const [id, setId] = useState(plan?.id ?? "");
  const [name, setName] = useState(plan?.name ?? "");
  const [isDefault, setDefault] = useState(plan?.isDefault ?? false);
  const [form, setForm] = useState(formOf(plan?.limits ?? noLimits));
  const [complaints, setComplaints] = useState<Complaints & { id?: string; name?: string }>({});
  const save = useMutation({
    mutationFn: (wish: PlanWish) => (plan ? changePlan(plan.id, wish) : createPlan(id.trim(), wish)),
    onSuccess: () => {
      succeeded(s.saved);
      onDone();
    },
    onSettled: () => cache.invalidateQueries({ queryKey: ["admin"], predicate: isAboutPlans }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = limitsOf(form);
    const wrong: typeof complaints = "complaints" in read ? { ...read.complaints } : {};
    if (!plan && !/^[a-z0-9][a-z0-9_-]{0,39}$/.test(id.trim())) {
      wrong.id = s.idInvalid;
    }
    if (name.trim() === "" || [...name.trim()].length > 100) {
      wrong.name = s.nameInvalid;
    }
    setComplaints(wrong);
    if ("limits" in read && Object.keys(wrong).length === 0) {
      save.mutate({ name: name.trim(), isDefault, limits: read.limits });
    }
  };
  return (
    <form onSubmit={submit} noValidate className={classes.form}>
      <Stack gap="md">
        <div className={classes.fields}>
          {!plan && (
            <TextInput
              label={s.id}
              description={s.idHint}
              autoComplete="off"
              spellCheck={false}
              value={id}
              onChange={(event) => setId(event.currentTarget.value)}
              error={complaints.id}
              autoFocus
            />
          )}
          <TextInput
            label={s.name}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={complaints.name}
            autoFocus={plan !== undefined}
          />
        </div>
        <LimitFields form={form} onForm={setForm} complaints={complaints} />
        <Switch
          label={s.default}
          description={s.defaultText}
          checked={isDefault}
          onChange={(event) => setDefault(event.currentTarget.checked)}
        />
        {save.error && <Trouble error={save.error} title={s.saveFailed} />}
        <Group gap="xs">
          <Button type="submit" size="xs" loading={save.isPending}>
            {plan ? settingsStrings.common.save : adminStrings.common.create}
          </Button>
          <Button size="xs" variant="default" onClick={onDone}>
            {settingsStrings.common.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** The plans themselves, and accounts, which show their limits. */
function isAboutPlans({ queryKey }: { queryKey: readonly unknown[] }): boolean {
  return queryKey[1] === plansQuery.queryKey[1] || queryKey[1] === "user" || queryKey[1] === "users";
}
