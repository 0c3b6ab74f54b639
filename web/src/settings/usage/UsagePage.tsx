import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { usageHistoryQuery } from "~/api/usage";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { SettingsPage } from "../SettingsPage";
import { Allowances } from "./Allowances";
import { History, type Period } from "./History";

const s = settingsStrings.usage;

/** What is used and what is left, today, this month and in the days before. */
export function UsagePage() {
  const [period, setPeriod] = useState<Period>(30);
  // While another period loads, the one before stays in sight.
  const query = useQuery({ ...usageHistoryQuery(period), placeholderData: (before) => before });
  return (
    <SettingsPage title={settingsStrings.nav.usage} lead={s.lead}>
      <Loaded query={query} lines={8}>
        {(usage) => (
          <>
            <Allowances usage={usage} />
            <History
              items={usage.items}
              period={period}
              loading={query.isPlaceholderData}
              onPeriod={setPeriod}
            />
          </>
        )}
      </Loaded>
    </SettingsPage>
  );
}
