import { Alert, Button, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import type { SqlResult } from "~/api/sql";
import { sqlStrings } from "~/strings/sql";
import { csvOf, download, fileName } from "./csv";
import { Fault } from "./Fault";
import type { Range } from "./position";
import { ResultTable } from "./ResultTable";
import classes from "./sql.module.css";
import type { Outcome as Brought } from "./useRun";

const s = sqlStrings;

interface Props {
  outcome: Brought;
  running: boolean;
  text: string;
  range: Range | undefined;
  onShow: (index: number) => void;
}

/** What the last query brought: rows, or why there are none. */
export function Outcome({ outcome, running, text, range, onShow }: Props) {
  return (
    <section className={classes.outcome} aria-label={s.result} aria-busy={running}>
      <div className={classes.bar} data-empty={(outcome.state === "failed" && !running) || undefined}>
        <Text size="sm" c="dimmed" role="status">
          {running ? s.running : told(outcome)}
        </Text>
        {outcome.state === "done" && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            aria-label={s.downloadCsv}
            onClick={() => download(csvOf(outcome.result), fileName())}
          >
            {s.csv}
          </Button>
        )}
      </div>
      {outcome.state === "failed" && (
        <div className={classes.fault}>
          <Fault problem={outcome.problem} text={text} range={range} onShow={onShow} />
        </div>
      )}
      {outcome.state === "done" && <Rows key={outcome.id} result={outcome.result} />}
      {outcome.state === "planned" && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        <pre className={classes.plan} tabIndex={0}>
          {outcome.plan}
        </pre>
      )}
    </section>
  );
}

function Rows({ result }: { result: SqlResult }) {
  return (
    <>
      {result.truncated && (
        <Alert color="orange" p="xs" className={classes.more}>
          {s.truncated(result.rows.length)}
        </Alert>
      )}
      {result.columns.length > 0 && <ResultTable result={result} />}
    </>
  );
}

function told(outcome: Brought): string {
  switch (outcome.state) {
    case "none":
      return s.empty;
    case "cancelled":
      return s.cancelled;
    case "planned":
      return s.planned;
    case "failed":
      return "";
    case "done":
      return s.told(
        outcome.result.rows.length === 0 ? s.noRows : s.rows(outcome.result.rows.length),
        outcome.result.durationMs,
      );
  }
}
