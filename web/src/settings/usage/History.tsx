import { SegmentedControl, Skeleton, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { modelsQuery } from "~/api/models";
import type { UsageItem } from "~/api/types";
import { ButtonLink } from "~/shell/links";
import { settingsStrings } from "~/strings/settings";
import { money, short, shortDay } from "../format";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { ByModel } from "./ByModel";
import { amount, byDay, byModel, lastDays, type Metric, metrics, total } from "./summary";

const s = settingsStrings.usage;
const Chart = lazy(() => import("./Chart"));

export type Period = 7 | 30 | 90;
/** So many models have a colour of their own. */
const coloured = 5;

interface Props {
  items: UsageItem[];
  period: Period;
  loading: boolean;
  onPeriod: (period: Period) => void;
}

/** What was used in the last days, by day and by model. */
export function History({ items, period, loading, onPeriod }: Props) {
  const [metric, setMetric] = useState<Metric>("messages");
  const { data: models } = useQuery(modelsQuery);
  const nameOf = (id: string) => models?.find((model) => model.id === id)?.name ?? id;

  const sum = total(items);
  const ranking = byModel(items, metric);
  // Who is in the chart does not depend on what is looked at, so that colours stay.
  const series = byModel(items, "tokens")
    .slice(0, coloured)
    .map(({ model }) => model);
  const rows = byDay(items, lastDays(period), series, s.others, metric);
  const write = (n: number) => (metric === "cost" ? money(n) : short(n));
  const names: Record<Metric, string> = { messages: s.messages, tokens: s.tokens, cost: s.cost };

  return (
    <Section
      title={s.history}
      bare
      aside={
        <SegmentedControl
          size="xs"
          aria-label={s.period}
          value={String(period)}
          onChange={(value) => onPeriod(Number(value) as Period)}
          data={[7, 30, 90].map((days) => ({ value: String(days), label: s.days(days) }))}
        />
      }
    >
      {items.length === 0 ? (
        <div className={classes.card}>
          <div className={classes.empty} aria-busy={loading}>
            <Text fw={550}>{s.emptyTitle}</Text>
            <Text size="sm" c="dimmed" mb="sm">
              {s.empty}
            </Text>
            <ButtonLink to="/" size="sm">
              {s.toChat}
            </ButtonLink>
          </div>
        </div>
      ) : (
        <div className={classes.card} aria-busy={loading}>
          <dl className={`${classes.figures} ${classes.pad}`}>
            <Figure name={s.totalMessages} value={short(sum.messages)} />
            <Figure name={s.totalTokens} value={short(sum.input + sum.output)}>
              {`${short(sum.input)} ${s.input.toLowerCase()}, ${short(sum.output)} ${s.output.toLowerCase()}`}
            </Figure>
            <Figure name={s.totalCost} value={money(sum.cost)}>
              {sum.ownCost > 0 ? s.ownCost(money(sum.ownCost)) : s.estimate}
            </Figure>
          </dl>
          <div className={classes.pad}>
            <div className={classes.sectionHead}>
              <Text fw={550} size="sm" component="h3" m={0}>
                {s.byDay}
              </Text>
              <SegmentedControl
                size="xs"
                aria-label={s.metric}
                value={metric}
                onChange={(value) => setMetric(value as Metric)}
                data={metrics.map((value) => ({ value, label: names[value] }))}
              />
            </div>
            <div className={classes.chart} role="img" aria-label={s.chart(names[metric], period)}>
              <Suspense fallback={<Skeleton h="100%" />}>
                <Chart
                  rows={rows.map((row) => ({ ...row, day: shortDay(row.day) }))}
                  series={[...series, ...(ranking.length > coloured ? [s.others] : [])]}
                  nameOf={nameOf}
                  write={write}
                />
              </Suspense>
            </div>
            <details className={classes.details}>
              <summary>{s.asTable}</summary>
              <DayTable items={items} />
            </details>
          </div>
          <div className={classes.pad}>
            <Text fw={550} size="sm" component="h3" m={0} mb="sm">
              {s.byModel}
            </Text>
            <ByModel
              models={ranking}
              series={series}
              nameOf={nameOf}
              of={(model) => amount(model, metric)}
              write={write}
            />
          </div>
        </div>
      )}
    </Section>
  );
}

interface FigureProps {
  name: string;
  value: string;
  children?: string;
}

function Figure({ name, value, children }: FigureProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {children && <small>{children}</small>}
      </dd>
    </div>
  );
}

/** What the chart shows, for who cannot see it and who wants the numbers. */
function DayTable({ items }: { items: UsageItem[] }) {
  const days = [...new Set(items.map(({ day }) => day))].sort().reverse();
  return (
    <Table.ScrollContainer minWidth={0} type="native">
      <Table fz="sm" verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{s.day}</Table.Th>
            <Table.Th ta="end">{s.messages}</Table.Th>
            <Table.Th ta="end">{s.tokens}</Table.Th>
            <Table.Th ta="end">{s.cost}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {days.map((day) => {
            const sum = total(items.filter((item) => item.day === day));
            return (
              <Table.Tr key={day}>
                <Table.Td>{shortDay(day)}</Table.Td>
                <Table.Td ta="end">{short(sum.messages)}</Table.Td>
                <Table.Td ta="end">{short(sum.input + sum.output)}</Table.Td>
                <Table.Td ta="end">{money(sum.cost)}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
