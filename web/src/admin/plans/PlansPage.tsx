import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { PlanLimits } from "~/api/admin";
import { type Plan, plansQuery } from "~/api/adminPlans";
import { Loaded } from "~/settings/Loaded";
import { Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { Tag } from "~/settings/Tag";
import { useReturnFocus } from "~/settings/useReturnFocus";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { Fact } from "../Fact";
import { numbers, told } from "../limits";
import { DeletePlan } from "./DeletePlan";
import { PlanForm } from "./PlanForm";

const s = adminStrings.plans;

/** All plans. */
export function PlansPage() {
  const query = useQuery(plansQuery);
  const [making, setMaking] = useState(false);
  const make = useReturnFocus(making);
  return (
    <AdminPage
      title={adminStrings.nav.plans}
      lead={s.lead}
      aside={
        !making && (
          <Button size="xs" ref={make} onClick={() => setMaking(true)}>
            {s.create}
          </Button>
        )
      }
    >
      {making && (
        <Section title={s.create} description={s.emptyIsNone}>
          <PlanForm onDone={() => setMaking(false)} />
        </Section>
      )}
      <Loaded query={query} lines={6}>
        {({ plans, configured }) => (
          <>
            {plans.map((plan) => (
              <PlanSection key={plan.id} plan={plan} />
            ))}
            <Section title={s.configured} description={plans.length === 0 ? s.none : s.configuredText}>
              <LimitFacts limits={configured} />
            </Section>
          </>
        )}
      </Loaded>
    </AdminPage>
  );
}

function PlanSection({ plan }: { plan: Plan }) {
  const [changing, setChanging] = useState(false);
  const change = useReturnFocus(changing);
  return (
    <Section
      title={plan.name}
      description={`${plan.id}, ${s.users(plan.users)}`}
      aside={
        <div className={settings.rowControl}>
          {plan.isDefault && <Tag color="indigo">{s.isDefault}</Tag>}
          {!changing && (
            <>
              <Button
                size="xs"
                variant="default"
                ref={change}
                aria-label={s.edit(plan.name)}
                onClick={() => setChanging(true)}
              >
                {settingsStrings.common.edit}
              </Button>
              <DeletePlan plan={plan} />
            </>
          )}
        </div>
      }
    >
      {changing ? (
        <PlanForm plan={plan} onDone={() => setChanging(false)} />
      ) : (
        <LimitFacts limits={plan.limits} />
      )}
    </Section>
  );
}

function LimitFacts({ limits }: { limits: PlanLimits }) {
  const names = adminStrings.limits;
  return (
    <dl className={classes.facts}>
      {numbers.map((key) => (
        <Fact key={key} name={names.names[key]} value={told(key, limits[key])} />
      ))}
      <Fact
        name={names.models}
        value={limits.models === null ? names.allModels : names.modelsChosen(limits.models.length)}
        note={limits.models?.join(", ")}
      />
    </dl>
  );
}
