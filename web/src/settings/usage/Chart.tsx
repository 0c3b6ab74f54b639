// Loaded by itself: the library behind it is larger than everything else on the page.
import "@mantine/charts/styles.css";
import { BarChart } from "@mantine/charts";
import { useReducedMotion } from "@mantine/hooks";
import { colors } from "./colors";

interface Props {
  rows: Record<string, number | string>[];
  series: string[];
  nameOf: (series: string) => string;
  write: (amount: number) => string;
}

/** Stacked bars, one for each day. What they say is in a table beside it: to screen readers it is one picture. */
export default function Chart({ rows, series, nameOf, write }: Props) {
  const still = useReducedMotion();
  return (
    <BarChart
      h="100%"
      data={rows}
      dataKey="day"
      type="stacked"
      series={series.map((name, rank) => ({
        name,
        label: nameOf(name),
        color: colors[rank] ?? "gray.5",
      }))}
      valueFormatter={write}
      tickLine="none"
      xAxisProps={{ minTickGap: 24 }}
      yAxisProps={{ width: 56, allowDecimals: false }}
      barProps={{ isAnimationActive: !still, maxBarSize: 28, animationDuration: 300 }}
      barChartProps={{ accessibilityLayer: false, margin: { top: 12, right: 4 } }}
      maxBarWidth={28}
      tooltipAnimationDuration={0}
    />
  );
}
