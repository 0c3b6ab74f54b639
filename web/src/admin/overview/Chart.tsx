// Loaded by itself: the library behind it is larger than everything else of the administration.
import "@mantine/charts/styles.css";
import { BarChart, LineChart } from "@mantine/charts";
import { useReducedMotion } from "@mantine/hooks";
import { shortDay } from "~/settings/format";
import { colors } from "~/settings/usage/colors";
import type { ChartRow } from "../report";

export interface Series {
  name: string;
  label: string;
}

interface Props {
  type: "line" | "bars";
  rows: readonly ChartRow[];
  series: readonly Series[];
  write: (amount: number) => string;
}

/** Lines, or stacked bars, by day. To screen readers it is one picture: what it says is in a table beside it. */
export default function Chart({ type, rows, series, write }: Props) {
  const still = useReducedMotion();
  const common = {
    h: "100%",
    data: rows.map((row) => ({ ...row, day: shortDay(row.day) })),
    dataKey: "day",
    series: series.map(({ name, label }, rank) => ({ name, label, color: colors[rank] ?? "gray.5" })),
    valueFormatter: write,
    tickLine: "none",
    xAxisProps: { minTickGap: 24 },
    yAxisProps: { width: 60, allowDecimals: false },
    tooltipAnimationDuration: 0,
  } as const;
  const margin = { top: 12, right: 6 };
  return type === "bars" ? (
    <BarChart
      {...common}
      type="stacked"
      maxBarWidth={28}
      barProps={{ isAnimationActive: !still, maxBarSize: 28, animationDuration: 300 }}
      barChartProps={{ accessibilityLayer: false, margin }}
    />
  ) : (
    <LineChart
      {...common}
      withDots={rows.length <= 7}
      curveType="linear"
      connectNulls={false}
      lineProps={{ isAnimationActive: !still, animationDuration: 300 }}
      lineChartProps={{ accessibilityLayer: false, margin }}
    />
  );
}
