import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, problemFromBody } from "~/api/problem";
import { awaitsCode } from "./flow";
import type { ContinueWith, Flow, FlowKind } from "./kratos";
import { createFlow, loadFlow, type Step, submitFlow } from "./service";

interface Options {
  kind: FlowKind;
  /** A flow that the browser was sent here with. */
  flowId?: string;
  /** Where signing in ends, a path of this app. */
  returnTo: string;
  /** Called when the flow succeeded or there is a session already. */
  onDone: (session: boolean, continueWith: ContinueWith[]) => void;
}

export interface FlowState {
  flow?: Flow;
  busy: boolean;
  problem?: Problem;
  /** The flow had expired and was replaced by a new one: what was typed has to be sent again. */
  renewed: boolean;
  /** Sends values; resolves to the flow's next state, or to nothing when the page is left or it failed. */
  submit: (values: Record<string, string>) => Promise<Flow | undefined>;
  restart: () => void;
}

/** Holds one flow: starts it, sends to it, and renews it when it has expired. */
export function useFlow({ kind, flowId, returnTo, onDone }: Options): FlowState {
  const [flow, setFlow] = useState<Flow>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [renewed, setRenewed] = useState(false);
  const held = useRef<string>(undefined);
  const done = useRef(onDone);
  done.current = onDone;
  const navigate = useNavigate();

  const take = useCallback((step: Exclude<Step, { type: "renew" }>): Flow | undefined => {
    switch (step.type) {
      case "flow":
        held.current = step.flow.id;
        setFlow(step.flow);
        return step.flow;
      case "done":
        done.current(step.session, step.continueWith);
        return undefined;
      case "signedIn":
        done.current(true, []);
        return undefined;
      case "redirect":
        location.assign(step.url);
        return undefined;
    }
  }, []);

  const start = useCallback(
    async (id: string | undefined, signal?: AbortSignal) => {
      setProblem(undefined);
      try {
        let step: Step = id ? await loadFlow(kind, id, signal) : { type: "renew" };
        // Without a way back if Kratos does not know this address, as when another server serves the app.
        for (const back of [returnTo, undefined]) {
          step = step.type === "renew" ? await createFlow(kind, back, signal) : step;
        }
        if (step.type === "renew") {
          setProblem(problemFromBody(undefined));
        } else {
          take(step);
        }
      } catch (error) {
        if (error instanceof Problem) {
          setProblem(error);
        }
      }
    },
    [kind, returnTo, take],
  );

  useEffect(() => {
    if (flowId !== undefined && flowId === held.current) {
      return;
    }
    const abort = new AbortController();
    setFlow(undefined);
    setRenewed(false);
    void start(flowId, abort.signal);
    return () => abort.abort();
  }, [flowId, start]);

  // A code is under way: the flow goes into the address, so that reloading the page comes back to it.
  useEffect(() => {
    if (flow && awaitsCode(flow) && flow.id !== flowId) {
      void navigate({ to: ".", search: (old) => ({ ...old, flow: flow.id }), replace: true });
    }
  }, [flow, flowId, navigate]);

  const restart = () => {
    if (flowId === undefined) {
      void start(undefined);
    } else {
      void navigate({ to: ".", search: (old) => ({ ...old, flow: undefined }), replace: true });
    }
  };

  const submit = async (values: Record<string, string>) => {
    if (!flow || busy) {
      return undefined;
    }
    setBusy(true);
    setProblem(undefined);
    setRenewed(false);
    try {
      const step = await submitFlow(flow, values);
      if (step.type === "renew") {
        await start(undefined);
        setRenewed(true);
        return undefined;
      }
      return take(step);
    } catch (error) {
      if (error instanceof Problem) {
        setProblem(error);
      }
      return undefined;
    } finally {
      setBusy(false);
    }
  };

  return { flow, busy, problem, renewed, submit, restart };
}
