import { useQuery } from "@tanstack/react-query";
import { overviewQuery } from "~/api/adminReports";
import { ago, short } from "~/settings/format";
import { Loaded } from "~/settings/Loaded";
import { Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { adminStrings } from "~/strings/admin";

const s = adminStrings.overview;

/** The platform at this moment, in a few numbers. */
export function Now() {
  const query = useQuery(overviewQuery);
  return (
    <Section
      title={s.now}
      description={
        query.data &&
        `${query.data.foldedAt ? s.fresh(ago(query.data.foldedAt)) : s.neverFolded} ${s.waiting(query.data.waiting)}`
      }
    >
      <Loaded query={query} lines={3}>
        {(now) => (
          <dl className={`${settings.figures} ${settings.pad}`}>
            <Figure name={s.figures.users} value={now.users} />
            <Figure name={s.figures.activeToday} value={now.activeToday} />
            <Figure name={s.figures.running} value={now.runsUnderWay} />
            <Figure name={s.figures.instances} value={now.instances} />
            <Figure name={s.figures.behind} value={now.brainsBehind} />
            <Figure name={s.figures.failed} value={now.brainsFailed} />
          </dl>
        )}
      </Loaded>
    </Section>
  );
}

function Figure({ name, value }: { name: string; value: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{short(value)}</dd>
    </div>
  );
}
