// The rows of reports, brought into the shape of charts.
import type { Reports, Span } from "~/api/adminReports";

/** One day of a chart: the day, and a number for each series. */
export type ChartRow = { day: string } & Record<string, number | string | null>;

/** The browser's zone, by its name of the IANA. */
export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** The date of a moment in a zone: 2026-11-22. */
export function dateIn(zone: string, when: Date): string {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(when);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** A date so many days later, or earlier. */
export function plusDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** The last so many local days, today included. */
export function lastDaysIn(zone: string, days: number, now = new Date()): Span {
  const until = dateIn(zone, now);
  return { since: plusDays(until, 1 - days), until, zone };
}

/** Every date of a span. */
export function daysOf({ since, until }: Pick<Span, "since" | "until">): string[] {
  const days: string[] = [];
  for (let day = since; day <= until && days.length < 1100; day = plusDays(day, 1)) {
    days.push(day);
  }
  return days;
}

/** One row for each day with what `read` makes of that day's rows; nothing where there are none. */
export function byDay<Row extends { day: string }>(
  span: Pick<Span, "since" | "until">,
  rows: readonly Row[],
  read: (rows: Row[]) => Record<string, number | null>,
): ChartRow[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.day);
    if (group) {
      group.push(row);
    } else {
      groups.set(row.day, [row]);
    }
  }
  return daysOf(span).map((day) => ({ day, ...read(groups.get(day) ?? []) }) as ChartRow);
}

export type UsageMetric = "messages" | "cost";

/** What a metric counts. Cost on users' own keys is not the platform's. */
function amountOf(row: Reports["usage"], metric: UsageMetric): number {
  if (metric === "messages") {
    return row.messages;
  }
  return row.keySource === "own" ? 0 : row.costMicrousd;
}

/** Usage by day, stacked by model or provider: the largest ones by name, the others together. */
export function stacked(
  span: Pick<Span, "since" | "until">,
  rows: readonly Reports["usage"][],
  metric: UsageMetric,
  by: "model" | "provider",
  most: number,
  rest: string,
): { series: string[]; rows: ChartRow[] } {
  const sums = new Map<string, number>();
  for (const row of rows) {
    sums.set(row[by], (sums.get(row[by]) ?? 0) + amountOf(row, metric));
  }
  const ranking = [...sums]
    .filter(([, sum]) => sum > 0)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const named = ranking.slice(0, most).map(([name]) => name);
  const series = ranking.length > most ? [...named, rest] : named;
  return {
    series,
    rows: byDay(span, rows, (of) => {
      const day: Record<string, number> = Object.fromEntries(series.map((name) => [name, 0]));
      for (const row of of) {
        const name = named.includes(row[by]) ? row[by] : rest;
        if (name in day) {
          day[name] = (day[name] ?? 0) + amountOf(row, metric);
        }
      }
      return day;
    }),
  };
}

/** How each day's replies ended, all models together, in numbers. */
export function endings(
  span: Pick<Span, "since" | "until">,
  rows: readonly Reports["outcomes"][],
): ChartRow[] {
  return byDay(span, rows, (of) => {
    const sum = { runs: 0, complete: 0, stopped: 0, interrupted: 0, failed: 0 };
    for (const row of of) {
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) {
        sum[key] += row[key];
      }
    }
    return sum;
  });
}

/** A part of a whole, in percent with one digit; nothing of nothing. */
export function percent(part: number, whole: number): number | null {
  return whole > 0 ? Math.round((part / whole) * 1000) / 10 : null;
}

/** What tells the lines of the report on first tokens apart. */
export const lineOf = ({ model, keySource }: Pick<Reports["first-token"], "model" | "keySource">) =>
  `${keySource} ${model}`;

/** The models of that report, the most used first. */
export function linesOf(
  rows: readonly Reports["first-token"][],
): { id: string; model: string; own: boolean; runs: number }[] {
  const lines = new Map<string, { id: string; model: string; own: boolean; runs: number }>();
  for (const row of rows) {
    const id = lineOf(row);
    const line = lines.get(id) ?? { id, model: row.model, own: row.keySource === "own", runs: 0 };
    line.runs += row.runs;
    lines.set(id, line);
  }
  return [...lines.values()].sort((a, b) => b.runs - a.runs);
}

export interface Cohort {
  cohort: string;
  users: number;
  /** By the number of weeks since. */
  weeks: ({ active: number; share: number } | undefined)[];
}

/** The report on retention as a table: a line for each cohort, the newest last. */
export function cohorts(rows: readonly Reports["retention"][]): Cohort[] {
  const lines = new Map<string, Cohort>();
  for (const { cohort, users, period, active, share } of rows) {
    const line = lines.get(cohort) ?? { cohort, users, weeks: [] };
    line.weeks[period] = { active, share: share === null ? (users > 0 ? active / users : 0) : Number(share) };
    lines.set(cohort, line);
  }
  return [...lines.values()].sort((a, b) => (a.cohort < b.cohort ? -1 : 1));
}
