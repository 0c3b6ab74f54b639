import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { lastDaysIn, localZone } from "../report";
import { Now } from "./Now";
import { Retention } from "./Retention";
import { Accounts, ActiveUsers, FirstToken, Outcomes, QuotaHits, Usage } from "./reports";
import { TopUsers } from "./TopUsers";

const s = adminStrings.overview;
const spans = [7, 30, 90] as const;

/** What the platform was used for, in charts. */
export function OverviewPage() {
  const [days, setDays] = useState<number>(30);
  const zone = localZone();
  const span = lastDaysIn(zone, days);
  return (
    <AdminPage
      title={adminStrings.nav.overview}
      lead={`${s.lead} ${s.zone(zone)}`}
      aside={
        <SegmentedControl
          size="xs"
          aria-label={s.span}
          value={String(days)}
          onChange={(value) => setDays(Number(value))}
          data={spans.map((each) => ({ value: String(each), label: s.days(each) }))}
        />
      }
    >
      <Now />
      <div className={classes.charts}>
        <Usage span={span} />
        <ActiveUsers span={span} />
        <Outcomes span={span} />
        <FirstToken span={span} />
        <QuotaHits span={span} />
        <Accounts span={span} />
        <Retention span={span} />
        <TopUsers span={span} />
      </div>
    </AdminPage>
  );
}
