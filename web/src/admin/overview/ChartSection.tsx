import { Skeleton, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense } from "react";
import type { Report, Reports } from "~/api/adminReports";
import { Waiting } from "~/settings/Loaded";
import { Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { Trouble } from "~/settings/Trouble";
import { cssColor } from "~/settings/usage/colors";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { type Column, DataTable } from "../DataTable";
import type { ChartRow } from "../report";
import type { Series } from "./Chart";

const s = adminStrings.overview;
const Chart = lazy(() => import("./Chart"));

interface SectionProps<Name extends keyof Reports> {
  title: string;
  text?: string;
  aside?: ReactNode;
  query: UseQueryResult<Report<Name>>;
  wide?: boolean;
  children: (report: Report<Name>) => ReactNode;
}

/** A report with its title: what it brings, or why it brings nothing. */
export function ReportSection<Name extends keyof Reports>(props: SectionProps<Name>) {
  const { title, text, aside, query, wide, children } = props;
  return (
    <div className={wide ? classes.wide : undefined}>
      <Section title={title} description={text} aside={aside}>
        <div className={classes.chartArea} aria-busy={query.isPlaceholderData}>
          {query.data ? (
            query.data.rows.length === 0 ? (
              <div className={classes.none}>
                <Text c="dimmed">{s.empty}</Text>
              </div>
            ) : (
              children(query.data)
            )
          ) : query.isError ? (
            <Trouble error={query.error} onRetry={() => void query.refetch()} />
          ) : (
            <Waiting lines={6} />
          )}
        </div>
      </Section>
    </div>
  );
}

interface ChartProps {
  title: string;
  type: "line" | "bars";
  rows: readonly ChartRow[];
  series: readonly Series[];
  write: (amount: number) => string;
  /** Of the table, besides the day. Without them it has a column for each series. */
  columns?: readonly Column<ChartRow>[];
}

/** A chart by day, and the same as a table. */
export function DayChart({ title, type, rows, series, write, columns }: ChartProps) {
  const cells: readonly Column<ChartRow>[] =
    columns ??
    series.map(({ name, label }) => ({
      label,
      number: true,
      cell: (row) => written(row[name], write),
    }));
  const label = s.chart(title, rows.length);
  return (
    <>
      <div className={classes.chart} role="img" aria-label={label}>
        <Suspense fallback={<Skeleton h="100%" />}>
          <Chart type={type} rows={rows} series={series} write={write} />
        </Suspense>
      </div>
      {series.length > 1 && (
        <ul className={classes.legend} aria-hidden>
          {series.map(({ name, label: title }, rank) => (
            <li key={name}>
              <svg viewBox="0 0 10 10" aria-hidden="true">
                <rect width="10" height="10" rx="3" fill={cssColor(rank)} />
              </svg>
              {title}
            </li>
          ))}
        </ul>
      )}
      <details className={settings.details}>
        <summary>{adminStrings.common.table}</summary>
        <DataTable
          label={label}
          columns={[{ label: s.day, cell: (row) => row.day }, ...cells]}
          rows={[...rows].reverse()}
          keyOf={(row) => row.day}
        />
      </details>
    </>
  );
}

/** A number of a row, or a dash for none. */
export function written(value: ChartRow[string] | undefined, write: (n: number) => string): string {
  return typeof value === "number" ? write(value) : "–";
}
