import { Group, NativeSelect, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { reportQuery, type Span } from "~/api/adminReports";
import { money, short } from "~/settings/format";
import { adminStrings } from "~/strings/admin";
import {
  byDay,
  type ChartRow,
  endings,
  lineOf,
  linesOf,
  percent,
  stacked,
  type UsageMetric,
} from "../report";
import { DayChart, ReportSection, written } from "./ChartSection";

const s = adminStrings.overview;

interface Props {
  span: Span;
}

/** How many users began a reply: by day, in 7 days, in 30. */
export function ActiveUsers({ span }: Props) {
  const query = useQuery(reportQuery("active-users", span));
  const t = s.active;
  return (
    <ReportSection title={t.title} text={t.text} query={query}>
      {(report) => (
        <DayChart
          title={t.title}
          type="line"
          rows={byDay(report, report.rows, ([row]) => ({
            daily: row?.daily ?? null,
            weekly: row?.weekly ?? null,
            monthly: row?.monthly ?? null,
          }))}
          series={[
            { name: "daily", label: t.daily },
            { name: "weekly", label: t.weekly },
            { name: "monthly", label: t.monthly },
          ]}
          write={short}
        />
      )}
    </ReportSection>
  );
}

/** So many models or providers have a colour of their own. */
const coloured = 5;

/** Messages or cost by day. */
export function Usage({ span }: Props) {
  const query = useQuery(reportQuery("usage", span));
  const [metric, setMetric] = useState<UsageMetric>("messages");
  const [by, setBy] = useState<"model" | "provider">("model");
  const t = s.usage;
  const write = metric === "cost" ? money : short;
  return (
    <ReportSection
      title={t.title}
      text={t.text}
      query={query}
      wide
      aside={
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={t.shown}
            value={metric}
            onChange={(value) => setMetric(value as UsageMetric)}
            data={[
              { value: "messages", label: t.messages },
              { value: "cost", label: t.cost },
            ]}
          />
          <SegmentedControl
            size="xs"
            aria-label={t.by}
            value={by}
            onChange={(value) => setBy(value as "model" | "provider")}
            data={[
              { value: "model", label: t.model },
              { value: "provider", label: t.provider },
            ]}
          />
        </Group>
      }
    >
      {(report) => {
        const { series, rows } = stacked(report, report.rows, metric, by, coloured, t.others);
        const total = (row: ChartRow) => series.reduce((sum, name) => sum + Number(row[name] ?? 0), 0);
        return (
          <DayChart
            title={`${t.title}, ${metric === "cost" ? t.cost : t.messages}`}
            type="bars"
            rows={rows}
            series={series.map((name) => ({ name, label: name }))}
            write={write}
            columns={[
              { label: t.total, number: true, cell: (row) => write(total(row)) },
              ...series.map((name) => ({
                label: name,
                number: true,
                cell: (row: ChartRow) => written(row[name], write),
              })),
            ]}
          />
        );
      }}
    </ReportSection>
  );
}

const share = (n: number) => `${n} %`;

/** Which part of the replies did not come to its end. */
export function Outcomes({ span }: Props) {
  const query = useQuery(reportQuery("outcomes", span));
  const t = s.outcomes;
  return (
    <ReportSection title={t.title} text={t.text} query={query}>
      {(report) => {
        const counted = endings(report, report.rows);
        const rows = counted.map((row): ChartRow => {
          const of = (key: string) => percent(Number(row[key]), Number(row.runs));
          return { ...row, failedShare: of("failed"), interruptedShare: of("interrupted") };
        });
        const number = (key: string, label: string) => ({
          label,
          number: true,
          cell: (row: ChartRow) => written(row[key], short),
        });
        return (
          <DayChart
            title={t.title}
            type="line"
            rows={rows}
            series={[
              { name: "failedShare", label: t.failed },
              { name: "interruptedShare", label: t.interrupted },
            ]}
            write={share}
            columns={[
              number("runs", t.runs),
              number("complete", t.complete),
              number("stopped", t.stopped),
              number("interrupted", t.interrupted),
              number("failed", t.failed),
            ]}
          />
        );
      }}
    </ReportSection>
  );
}

/** How long readers wait for a model's first word. */
export function FirstToken({ span }: Props) {
  const query = useQuery(reportQuery("first-token", span));
  const [picked, pick] = useState<string>();
  const t = s.firstToken;
  const lines = linesOf(query.data?.rows ?? []);
  const line = lines.find(({ id }) => id === picked) ?? lines[0];
  return (
    <ReportSection
      title={t.title}
      text={t.text}
      query={query}
      aside={
        lines.length > 1 && (
          <NativeSelect
            size="xs"
            aria-label={t.model}
            value={line?.id}
            onChange={(event) => pick(event.currentTarget.value)}
            data={lines.map(({ id, model, own }) => ({ value: id, label: own ? t.own(model) : model }))}
          />
        )
      }
    >
      {(report) => {
        const mine = report.rows.filter((row) => lineOf(row) === line?.id);
        return (
          <DayChart
            title={`${t.title}, ${line?.model}`}
            type="line"
            rows={byDay(report, mine, ([row]) => ({
              p50: row?.p50Ms ?? null,
              p95: row?.p95Ms ?? null,
              runs: row?.runs ?? null,
            }))}
            series={[
              { name: "p50", label: t.p50 },
              { name: "p95", label: t.p95 },
            ]}
            write={t.ms}
          />
        );
      }}
    </ReportSection>
  );
}

/** Who came and who went. */
export function Accounts({ span }: Props) {
  const query = useQuery(reportQuery("accounts", span));
  const t = s.accounts;
  return (
    <ReportSection title={t.title} query={query}>
      {(report) => (
        <DayChart
          title={t.title}
          type="line"
          rows={byDay(report, report.rows, ([row]) => ({
            signups: row?.signups ?? 0,
            deletions: row?.deletions ?? 0,
            deleted: row?.deleted ?? 0,
          }))}
          series={[
            { name: "signups", label: t.signups },
            { name: "deletions", label: t.deletions },
            { name: "deleted", label: t.deleted },
          ]}
          write={short}
        />
      )}
    </ReportSection>
  );
}

/** Messages that were refused because a limit was reached. */
export function QuotaHits({ span }: Props) {
  const query = useQuery(reportQuery("quota-hits", span));
  const t = s.quota;
  return (
    <ReportSection title={t.title} text={t.text} query={query}>
      {(report) => {
        // Not by their own names: one of them is called as the column of days.
        const quotas = [...new Set(report.rows.map(({ quota }) => quota))].sort();
        return (
          <DayChart
            title={t.title}
            type="bars"
            rows={byDay(report, report.rows, (rows) =>
              Object.fromEntries(
                quotas.map((quota) => [`of ${quota}`, rows.find((row) => row.quota === quota)?.hits ?? 0]),
              ),
            )}
            series={quotas.map((quota) => ({ name: `of ${quota}`, label: t.names[quota] ?? quota }))}
            write={short}
          />
        );
      }}
    </ReportSection>
  );
}
