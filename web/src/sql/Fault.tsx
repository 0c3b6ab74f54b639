import { Alert, Button, Stack, Text } from "@mantine/core";
import type { Problem } from "~/api/problem";
import { describe, Trouble } from "~/settings/Trouble";
import { sqlStrings } from "~/strings/sql";
import { lineAndColumn, type Range } from "./position";

const s = sqlStrings;

/** SQLSTATE of a query that took too long. */
const timedOut = "57014";

interface Props {
  problem: Problem;
  /** What was in the editor, and the place in it that this is about. */
  text: string;
  range: Range | undefined;
  onShow: (index: number) => void;
}

/** Why a query brought nothing: in Postgres's words where it is about the query, in ours where it is about anything else. */
export function Fault({ problem, text, range, onShow }: Props) {
  const { code, status, sql, detail } = problem;
  if (code === "sql_error" && sql?.sqlstate === timedOut) {
    return (
      <Alert color="orange" title={s.timeoutTitle} role="alert">
        {s.timeout}
      </Alert>
    );
  }
  if (code === "sql_error" && sql) {
    const place = range && lineAndColumn(text, range.from);
    return (
      <Alert color="red" title={s.wrong} role="alert">
        <Stack gap="xs" align="flex-start">
          <span>{detail}</span>
          {sql.hint && (
            <span>
              <strong>{s.hint}</strong> {sql.hint}
            </span>
          )}
          <Text size="xs" component="span">
            {place && `${s.place(place.line, place.column)} · `}
            {s.state(sql.sqlstate)}
          </Text>
          {range && (
            <Button size="xs" variant="default" onClick={() => onShow(range.from)}>
              {s.goTo}
            </Button>
          )}
        </Stack>
      </Alert>
    );
  }
  if (status === 409) {
    return (
      <Alert color="orange" title={s.busyTitle} role="alert">
        {s.busy}
      </Alert>
    );
  }
  if (code === "busy") {
    return (
      <Alert color="orange" title={s.manyTitle} role="alert">
        {detail || describe(problem).text}
      </Alert>
    );
  }
  return <Trouble error={problem} />;
}
