import { SegmentedControl, Text } from "@mantine/core";
import type { SettingsPatch } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useSettings } from "../useSettings";

const s = settingsStrings.tools;
type Policy = keyof typeof s.approvals;
const policies = ["server", "always", "never"] as const;

/** Before which tools the user is asked, for all servers together. */
export function ApprovalPolicy() {
  const { query, save } = useSettings();
  return (
    <Section title={s.approval} description={s.approvalText}>
      <Loaded query={query} lines={2}>
        {(settings) => {
          const policy: Policy = settings.toolApproval ?? "server";
          return (
            <div className={classes.pad}>
              <SegmentedControl
                fullWidth
                aria-label={s.approval}
                value={policy}
                onChange={(value) =>
                  save.mutate({
                    toolApproval: (value === "server" ? null : value) as SettingsPatch["toolApproval"],
                  })
                }
                data={policies.map((value) => ({ value, label: s.approvals[value] }))}
              />
              <Text size="sm" c="dimmed" mt="xs" role="status">
                {s.approvalHelp[policy]}
              </Text>
            </div>
          );
        }}
      </Loaded>
    </Section>
  );
}
