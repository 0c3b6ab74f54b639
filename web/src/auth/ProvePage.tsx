import { Button } from "@mantine/core";
import { useRouterState } from "@tanstack/react-router";
import { strings } from "~/strings";
import { AddressStep } from "./AddressStep";
import { AuthCard } from "./AuthCard";
import { CodeStep } from "./CodeStep";
import { FlowNotice } from "./FlowNotice";
import { FormSkeleton } from "./FormSkeleton";
import { address as addressOf, awaitsCode, messages } from "./flow";
import { useFinish } from "./useFinish";
import { useFlow } from "./useFlow";
import { plain } from "./words";

interface Props {
  kind: "verification" | "recovery";
  flowId?: string;
  returnTo: string;
}

/** Verification and recovery: both prove an address by a mailed code. Recovery also leaves a session behind. */
export function ProvePage({ kind, flowId, returnTo }: Props) {
  const s = strings.auth[kind];
  const finish = useFinish(returnTo);
  const handedOver = useRouterState({ select: ({ location }) => location.state.address });
  const { flow, busy, problem, renewed, submit, restart } = useFlow({
    kind,
    flowId,
    returnTo,
    onDone: finish,
  });

  if (flow?.state === "passed_challenge") {
    const { doneTitle, done, doneSubmit } = s;
    return (
      <AuthCard title={doneTitle} subtitle={done}>
        <Button size="md" onClick={finish} autoFocus>
          {doneSubmit}
        </Button>
      </AuthCard>
    );
  }

  const failed = flow && messages(flow).find((message) => message.type === "error");
  const error = failed && plain(failed);
  const address = (flow && addressOf(flow)) ?? handedOver ?? "";
  if (flow && awaitsCode(flow)) {
    return (
      <AuthCard
        title={s.codeTitle}
        subtitle={(kind === "recovery" ? strings.auth.codeSentPerhaps : strings.auth.codeSent)(address)}
      >
        <FlowNotice problem={problem} renewed={renewed} />
        <CodeStep
          address={address}
          busy={busy}
          error={error}
          submitLabel={s.codeSubmit}
          onCode={(code) => void submit({ method: "code", code })}
          onResend={() => submit({ method: "code", email: address })}
          onBack={() => void restart()}
        />
      </AuthCard>
    );
  }
  return (
    <AuthCard title={s.title} subtitle={s.subtitle}>
      <FlowNotice problem={problem} renewed={renewed} onRetry={flow ? undefined : () => void restart()} />
      {flow ? (
        <AddressStep
          initial={address}
          busy={busy}
          error={error}
          submitLabel={s.submit}
          passwordOffered={false}
          onAddress={(email) => void submit({ method: "code", email })}
        />
      ) : (
        !problem && <FormSkeleton />
      )}
    </AuthCard>
  );
}
