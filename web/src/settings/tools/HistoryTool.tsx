import { Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "~/api/session";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { Row, Section } from "../Section";
import { useSettings } from "../useSettings";

const s = settingsStrings.tools.history;

/** Whether models may ask to query one's own conversations. */
export function HistoryTool() {
  const { query, save } = useSettings();
  const session = useQuery(sessionQuery);
  return (
    <Section title={s.title} description={s.text}>
      <Loaded query={session} lines={1}>
        {({ sql }) =>
          sql ? (
            <Loaded query={query} lines={1}>
              {({ historyTool }) => (
                <Row
                  title={s.label}
                  control={
                    <Switch
                      aria-label={s.label}
                      checked={historyTool}
                      onChange={(event) => save.mutate({ historyTool: event.currentTarget.checked })}
                    />
                  }
                >
                  {s.help}
                </Row>
              )}
            </Loaded>
          ) : (
            <Row title={s.missing}>{s.missingText}</Row>
          )
        }
      </Loaded>
    </Section>
  );
}
