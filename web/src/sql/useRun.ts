import { useCallback, useEffect, useRef, useState } from "react";
import { offline, Problem, problemFromBody } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import type { SqlResult } from "~/api/sql";

/** What became of the last query. */
export type Outcome =
  | { state: "none" }
  | { state: "cancelled" }
  // id tells it from others.
  | { state: "done"; result: SqlResult; id: number }
  /** It was not run: how it would be. */
  | { state: "planned"; plan: string }
  | { state: "failed"; problem: Problem };

/** Whom queries are sent to. */
export interface Source {
  run: (query: string, signal: AbortSignal) => Promise<SqlResult>;
  /** How a query would be run; absent where that is not told. */
  plan?: (query: string, signal: AbortSignal) => Promise<string>;
}

interface Runner {
  running: boolean;
  outcome: Outcome;
  /** Runs a query or asks for its plan, unless one runs. Resolves to how it failed, if it did. */
  run: (query: string, how?: "plan") => Promise<Problem | undefined>;
  cancel: () => void;
}

let last = 0;

/** Runs one query at a time. What the last one brought stays until the next one has ended. */
export function useRun(source: Source): Runner {
  const [running, setRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>({ state: "none" });
  const current = useRef<AbortController>(undefined);
  const asked = useRef(source);
  asked.current = source;

  useEffect(() => () => current.current?.abort(), []);

  const run = useCallback(async (query: string, how?: "plan"): Promise<Problem | undefined> => {
    if (current.current) {
      return undefined;
    }
    const controller = new AbortController();
    current.current = controller;
    setRunning(true);
    try {
      const { run, plan } = asked.current;
      if (how === "plan" && plan) {
        setOutcome({ state: "planned", plan: await plan(query, controller.signal) });
      } else {
        const result = await run(query, controller.signal);
        setOutcome({ state: "done", result, id: ++last });
      }
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
