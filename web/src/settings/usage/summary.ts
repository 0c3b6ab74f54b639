// The server's usage lines (a day, a model, whose key), summed up for people.
import type { UsageItem } from "~/api/types";

export const metrics = ["messages", "tokens", "cost"] as const;
export type Metric = (typeof metrics)[number];

export interface Totals {
  messages: number;
  input: number;
  output: number;
  /** Micro-dollars. */
  cost: number;
}

export interface ModelTotals extends Totals {
  model: string;
  /** Only own keys were used. */
  own: boolean;
}

const nothing = (): Totals => ({ messages: 0, input: 0, output: 0, cost: 0 });

function add(to: Totals, item: UsageItem) {
  to.messages += item.messages;
  to.input += item.inputTokens;
  to.output += item.outputTokens;
  to.cost += item.costMicroUsd;
}

/** What a metric counts. */
export function amount(totals: Totals, metric: Metric): number {
  return metric === "messages"
    ? totals.messages
    : metric === "tokens"
      ? totals.input + totals.output
      : totals.cost;
}

/** Everything together, and what of the cost fell on own keys. */
export function total(items: UsageItem[]): Totals & { ownCost: number } {
  const sum = { ...nothing(), ownCost: 0 };
  for (const item of items) {
    add(sum, item);
    sum.ownCost += item.keySource === "own" ? item.costMicroUsd : 0;
  }
  return sum;
}

/** By model, the most used first. */
export function byModel(items: UsageItem[], metric: Metric): ModelTotals[] {
  const models = new Map<string, ModelTotals>();
  for (const item of items) {
    const sum = models.get(item.model) ?? { model: item.model, own: true, ...nothing() };
    models.set(item.model, sum);
    add(sum, item);
    sum.own &&= item.keySource === "own";
  }
  return [...models.values()].sort(
    (a, b) => amount(b, metric) - amount(a, metric) || a.model.localeCompare(b.model),
  );
}

/** The last so many UTC days, oldest first, as the server counts them: today is the last one. */
export function lastDays(count: number, now = new Date()): string[] {
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(now);
    day.setUTCDate(day.getUTCDate() - (count - 1 - i));
    return day.toISOString().slice(0, 10);
  });
}

/** One row for each day with an amount for each series; models that are no series are in the one called rest. */
export function byDay(
  items: UsageItem[],
  days: string[],
  series: string[],
  rest: string,
  metric: Metric,
): ({ day: string } & Record<string, number | string>)[] {
  const rows = new Map(
    days.map((day) => [day, { day } as { day: string } & Record<string, number | string>]),
  );
  for (const item of items) {
    const row = rows.get(item.day);
    if (row) {
      const sum = nothing();
      add(sum, item);
      const name = series.includes(item.model) ? item.model : rest;
      row[name] = Number(row[name] ?? 0) + amount(sum, metric);
    }
  }
  return [...rows.values()];
}
