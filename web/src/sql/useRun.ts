import { useCallback, useEffect, useRef, useState } from "react";
import { offline, Problem, problemFromBody } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { runSql, type SqlResult } from "~/api/sql";

/** What became of the last query. */
export type Outcome =
  | { state: "none" }
  | { state: "cancelled" }
  // id tells it from others.
  | { state: "done"; result: SqlResult; id: number }
  | { state: "failed"; problem: Problem };

interface Runner {
  running: boolean;
  outcome: Outcome;
  /** Runs a query, unless one runs. Resolves to how it failed, if it did. */
  run: (query: string) => Promise<Problem | undefined>;
  cancel: () => void;
}

let last = 0;

/** Runs one query at a time. What the last one brought stays until the next one has ended. */
export function useRun(): Runner {
  const [running, setRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>({ state: "none" });
  const current = useRef<AbortController>(undefined);

  useEffect(() => () => current.current?.abort(), []);

  const run = useCallback(async (query: string): Promise<Problem | undefined> => {
    if (current.current) {
      return undefined;
    }
    const controller = new AbortController();
    current.current = controller;
    setRunning(true);
    try {
      const result = await runSql(query, controller.signal);
      setOutcome({ state: "done", result, id: ++last });
      return undefined;
    } catch (error) {
      if (controller.signal.aborted) {
        setOutcome({ state: "cancelled" });
        return undefined;
      }
      noteFailure(error);
      const problem = problemOf(error);
      setOutcome({ state: "failed", problem });
      return problem;
    } finally {
      current.current = undefined;
      setRunning(false);
    }
  }, []);

  const cancel = useCallback(() => current.current?.abort(), []);
  return { running, outcome, run, cancel };
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) {
    return error;
  }
  return error instanceof TypeError ? offline() : problemFromBody(undefined);
}
