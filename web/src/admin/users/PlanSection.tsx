import { Button, NativeSelect, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { plansQuery } from "~/api/adminPlans";
import { type AdminUserDetail, assignPlan } from "~/api/adminUsers";
import { Loaded } from "~/settings/Loaded";
import { Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { LimitFields } from "../LimitFields";
import { type Complaints, formOf, limitsOf, noLimits } from "../limits";
import { useUserChange } from "./useUserChange";

const s = adminStrings.users;

/** Which plan the account has, and what is otherwise for it. */
export function PlanSection({ user }: { user: AdminUserDetail }) {
  const plans = useQuery(plansQuery);
  const { assigned, overrides } = user.plan;
  const [planId, setPlanId] = useState(assigned ?? "");
  const [form, setForm] = useState(formOf(overrides));
  const [complaints, setComplaints] = useState<Complaints>({});
  const save = useUserChange(
    user.id,
    (limits: typeof overrides) => assignPlan(user.id, planId === "" ? null : planId, limits),
    s.saved,
    s.savingFailed,
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = limitsOf(form);
    setComplaints("complaints" in read ? read.complaints : {});
    if ("limits" in read) {
      save.mutate(read.limits);
    }
  };
  return (
    <Section title={s.plan} description={s.planText}>
      <Loaded query={plans} lines={4}>
        {({ plans: all, configured }) => {
          const standard = all.find(({ isDefault }) => isDefault);
          const chosen = all.find(({ id }) => id === planId) ?? standard;
          return (
            <form onSubmit={submit} noValidate className={classes.form}>
              <Stack gap="md">
                <NativeSelect
                  label={s.assigned}
                  value={planId}
                  onChange={(event) => setPlanId(event.currentTarget.value)}
                  data={[
                    { value: "", label: s.noPlan(standard?.name) },
                    ...all.map(({ id, name }) => ({ value: id, label: name })),
                  ]}
                />
                <LimitFields
                  form={form}
                  onForm={setForm}
                  complaints={complaints}
                  otherwise={chosen?.limits ?? configured ?? noLimits}
                />
                <Button type="submit" size="xs" loading={save.isPending} className={settings.start}>
                  {s.save}
                </Button>
              </Stack>
            </form>
          );
        }}
      </Loaded>
    </Section>
  );
}
