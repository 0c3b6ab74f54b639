import { Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { reportQuery, type Span } from "~/api/adminReports";
import { shortDay } from "~/settings/format";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { cohorts } from "../report";
import { ReportSection } from "./ChartSection";

const s = adminStrings.overview.retention;

/** Who comes back, week after week. */
export function Retention({ span }: { span: Span }) {
  const query = useQuery(reportQuery("retention", span));
  return (
    <ReportSection title={s.title} text={s.text} query={query} wide>
      {(report) => {
        const lines = cohorts(report.rows);
        const weeks = Math.max(...lines.map(({ weeks: of }) => of.length));
        return (
          <Table.ScrollContainer
            className={classes.table}
            minWidth={0}
            type="native"
            tabIndex={0}
            role="region"
            aria-label={adminStrings.common.tableOf(s.title)}
          >
            <Table fz="sm" verticalSpacing={4} withRowBorders={false} className={classes.heat}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{s.cohort}</Table.Th>
                  <Table.Th ta="end">{s.users}</Table.Th>
                  {Array.from({ length: weeks }, (_, week) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: the week is its place
                    <Table.Th key={week} ta="center" aria-label={s.weekLong(week)}>
                      {s.week(week)}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {lines.map(({ cohort, users, weeks: of }) => (
                  <Table.Tr key={cohort}>
                    <Table.Th scope="row" fw={500}>
                      {shortDay(cohort)}
                    </Table.Th>
                    <Table.Td ta="end">{users.toLocaleString("en")}</Table.Td>
                    {Array.from({ length: weeks }, (_, week) => {
                      const cell = of[week];
                      const share = cell && `${Math.round(cell.share * 100)} %`;
                      return (
                        // biome-ignore lint/suspicious/noArrayIndexKey: the week is its place
                        <Table.Td key={week} p={2}>
                          {cell && share && (
                            <div
                              className={classes.heatCell}
                              data-heat={Math.ceil(Math.min(1, cell.share) * 5)}
                              title={s.cell(share, cell.active)}
                            >
                              {share}
                            </div>
                          )}
                        </Table.Td>
                      );
                    })}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        );
      }}
    </ReportSection>
  );
}
