import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, problemFromBody } from "~/api/problem";
import { awaitsCode } from "./flow";
import type { ContinueWith, Flow, FlowKind } from "./kratos";
import { createFlow, type LoginWish, loadFlow, type Step, submitFlow } from "./service";

interface Options {
  kind: FlowKind;
  /** A flow that the browser was sent here with. */
  flowId?: string;
  /** Where signing in ends, a path of this app. */
  returnTo: string;
  /** Called when the flow succeeded or there is a session already. */
  onDone: (session: boolean, continueWith: ContinueWith[]) => void;
  /** What a login is for, beyond a session. */
  wish?: LoginWish;
}

export interface FlowState {
  flow?: Flow;
  busy: boolean;
  problem?: Problem;
  /** The flow had expired and was replaced by a new one: what was typed has to be sent again. */
  renewed: boolean;
  /** Sends values; resolves to the flow's next state, or to nothing when the page is left or it failed. */
  submit: (values: Record<string, string | boolean>) => Promise<Flow | undefined>;
  /** Begins anew. What is shown stays until the new flow is there. */
  restart: () => Promise<void>;
}

/** Holds one flow: starts it, sends to it, and renews it when it has expired. */
export function useFlow({ kind, flowId, returnTo, onDone, wish }: Options): FlowState {
  const [flow, setFlow] = useState<Flow>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [renewed, setRenewed] = useState(false);
  const held = useRef<Flow>(undefined);
  const done = useRef(onDone);
  done.current = onDone;
  const navigate = useNavigate();
  const { aal, refresh } = wish ?? {};

  const take = useCallback(
    (step: Exclude<Step, { type: "renew" }>): Flow | undefined => {
      switch (step.type) {
        case "flow":
          held.current = step.flow;
          setFlow(step.flow);
          return step.flow;
        case "done":
          done.current(step.session, step.continueWith);
          return undefined;
        case "signedIn":
          done.current(true, []);
          return undefined;
        case "signIn": {
          const { aal, refresh } = step;
          void navigate({ to: "/auth/login", search: { return_to: returnTo, aal, refresh } });
          return undefined;
        }
        case "redirect":
          location.assign(step.url);
          return undefined;
      }
    },
    [navigate, returnTo],
  );

  const start = useCallback(
    async (id: string | undefined, signal?: AbortSignal) => {
      setProblem(undefined);
      try {
        let step: Step = id ? await loadFlow(kind, id, signal) : { type: "renew" };
        // Without a way back if Kratos does not know this address, as when another server serves the app.
        for (const back of [returnTo, undefined]) {
          step = step.type === "renew" ? await createFlow(kind, back, { aal, refresh }, signal) : step;
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
    [kind, returnTo, take, aal, refresh],
  );

  useEffect(() => {
    if (flowId !== undefined && flowId === held.current?.id) {
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

  const restart = async () => {
    if (flowId === undefined) {
      await start(undefined);
    } else {
      await navigate({ to: ".", search: (old) => ({ ...old, flow: undefined }), replace: true });
    }
  };

  const submit = async (values: Record<string, string | boolean>) => {
    // The newest one: steps that follow each other do not wait for the page to be drawn.
    const current = held.current;
    if (!current || busy) {
      return undefined;
    }
    setBusy(true);
    setProblem(undefined);
    setRenewed(false);
    try {
      const step = await submitFlow(current, values);
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
