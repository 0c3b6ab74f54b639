import { useQuery } from "@tanstack/react-query";
import { reportQuery, type Span } from "~/api/adminReports";
import { money, short } from "~/settings/format";
import { AnchorLink } from "~/shell/links";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { DataTable } from "../DataTable";
import { ReportSection } from "./ChartSection";

const s = adminStrings.overview.top;

/** Who cost the platform most. Whose an id is, the public brain does not know: the account's page does. */
export function TopUsers({ span }: { span: Span }) {
  const query = useQuery(reportQuery("top-users", span));
  return (
    <ReportSection title={s.title} text={s.text} query={query} wide>
      {(report) => (
        <DataTable
          label={s.title}
          rows={report.rows}
          keyOf={(row) => row.userId}
          columns={[
            { label: s.place, number: true, cell: (row) => row.place },
            {
              label: s.user,
              cell: ({ userId }) => (
                <AnchorLink to="/admin/users/$userId" params={{ userId }} size="sm" className={classes.mono}>
                  {userId}
                </AnchorLink>
              ),
            },
            { label: s.messages, number: true, cell: (row) => short(row.messages) },
            { label: s.tokens, number: true, cell: (row) => short(row.tokens) },
            { label: s.cost, number: true, cell: (row) => money(row.costMicrousd) },
            { label: s.own, number: true, cell: (row) => money(row.ownKeyMicrousd) },
          ]}
        />
      )}
    </ReportSection>
  );
}
