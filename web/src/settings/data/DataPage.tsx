import { NativeSelect, Progress, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { storageQuery } from "~/api/transfers";
import { readableSize } from "~/chat/attachments";
import { SharesSection } from "~/share/SharesSection";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { Row, Section } from "../Section";
import { SettingsPage } from "../SettingsPage";
import { useSettings } from "../useSettings";
import { ExportSection } from "./ExportSection";
import { ImportSection } from "./ImportSection";

const s = settingsStrings.data;

/** What one has here, taking it along, bringing it in, and how long it stays. */
export function DataPage() {
  return (
    <SettingsPage title={settingsStrings.nav.data} lead={s.lead}>
      <Storage />
      <ExportSection />
      <ImportSection />
      <SharesSection />
      <Retention />
    </SettingsPage>
  );
}

function Storage() {
  const query = useQuery(storageQuery);
  return (
    <Section title={s.storage}>
      <Loaded query={query} lines={2}>
        {({ total, limit, messages, attachments, search }) => (
          <Row title={limit === null ? readableSize(total) : s.of(readableSize(total), readableSize(limit))}>
            {limit !== null && (
              <Progress value={Math.min(100, (100 * total) / limit)} aria-label={s.storage} my={6} />
            )}
            <Text size="sm" component="span">
              {s.kinds(readableSize(messages), readableSize(attachments), readableSize(search))}
            </Text>
          </Row>
        )}
      </Loaded>
    </Section>
  );
}

const days = [30, 90, 365];

function Retention() {
  const { query, save } = useSettings();
  return (
    <Section title={s.retention} description={s.retentionText}>
      <Loaded query={query} lines={1}>
        {({ retentionDays }) => (
          <NativeSelect
            py="md"
            aria-label={s.retention}
            value={retentionDays ?? ""}
            data={[
              { value: "", label: s.forever },
              ...[...new Set(retentionDays ? [...days, retentionDays] : days)].map((n) => ({
                value: String(n),
                label: s.afterDays(n),
              })),
            ]}
            onChange={({ currentTarget: { value } }) =>
              save.mutate({ retentionDays: value === "" ? null : Number(value) })
            }
          />
        )}
      </Loaded>
    </Section>
  );
}
