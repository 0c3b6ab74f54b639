import { Button, Stack } from "@mantine/core";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { AnchorLink } from "~/shell/links";
import { strings } from "~/strings";
import { AddressStep } from "./AddressStep";
import { AuthCard } from "./AuthCard";
import { CodeStep } from "./CodeStep";
import { Confirm } from "./Confirm";
import { FlowNotice } from "./FlowNotice";
import { FormSkeleton } from "./FormSkeleton";
import { address as addressOf, awaitsCode, messages, methods } from "./flow";
import type { ContinueWith, Flow } from "./kratos";
import { Providers } from "./Providers";
import { SecondFactor } from "./SecondFactor";
import type { LoginWish } from "./service";
import { useFinish } from "./useFinish";
import { useFlow } from "./useFlow";
import { accountExists, addressNotVerified, plain, unknownAccount } from "./words";

interface Props {
  kind: "login" | "registration";
  flowId?: string;
  returnTo: string;
  wish?: LoginWish;
}

/** The node that carries the address differs between the two flows; everything else about them is alike. */
const addressNode = { login: "identifier", registration: "traits.email" } as const;

/** Signing in and signing up: an address, a mailed code, in. Either page leads on to the other with the address kept. */
export function AccessPage({ kind, flowId, returnTo, wish }: Props) {
  const s = strings.auth[kind];
  const navigate = useNavigate();
  const finish = useFinish(returnTo);
  // The location changes before this page is left: only what was handed to this very page counts.
  const handedOver = useRouterState({
    select: ({ location }) => (location.pathname === `/auth/${kind}` ? location.state.address : undefined),
  });

  const onDone = (session: boolean, continueWith: ContinueWith[]) => {
    const verify = continueWith.find((next) => next.action === "show_verification_ui");
    if (!session && verify?.flow) {
      void navigate({
        to: "/auth/verification",
        search: { flow: verify.flow.id, return_to: returnTo },
        state: { address: verify.flow.verifiable_address },
      });
    } else {
      finish();
    }
  };
  const { flow, busy, problem, renewed, submit, restart } = useFlow({ kind, flowId, returnTo, onDone, wish });

  const sendCode = (to: string) => submit({ method: "code", [addressNode[kind]]: to });
  const sent = useRef(false);
  // Somebody who came over from the other page has given the address already.
  useEffect(() => {
    if (flow && handedOver && !sent.current && !awaitsCode(flow)) {
      sent.current = true;
      void sendCode(handedOver);
    }
  });

  const switchWith = (to: string) => {
    const options = { search: { return_to: returnTo }, state: { address: to } };
    return kind === "login"
      ? navigate({ to: "/auth/registration", ...options })
      : navigate({ to: "/auth/login", ...options });
  };
  const footer = (
    <>
      {s.otherwise}{" "}
      {kind === "login" ? (
        <AnchorLink to="/auth/registration" search={{ return_to: returnTo }} size="sm">
          {s.otherwiseLink}
        </AnchorLink>
      ) : (
        <AnchorLink to="/auth/login" search={{ return_to: returnTo }} size="sm">
          {s.otherwiseLink}
        </AnchorLink>
      )}
    </>
  );

  if (!flow) {
    return (
      <AuthCard title={s.title} subtitle={s.subtitle} footer={footer}>
        {problem ? (
          <FlowNotice problem={problem} renewed={false} onRetry={() => void restart()} />
        ) : (
          <FormSkeleton />
        )}
      </AuthCard>
    );
  }

  if (flow.requested_aal === "aal2") {
    return <SecondFactor {...{ flow, busy, problem, renewed, submit }} />;
  }

  const errors = messages(flow).filter((message) => message.type === "error");
  const address = addressOf(flow) ?? "";
  const question = crossing(kind, flow);
  if (question) {
    return (
      <AuthCard title={question.title} subtitle={question.text(address)}>
        <Stack gap="sm">
          <Button size="md" onClick={() => void switchWith(address)} autoFocus>
            {question.submit}
          </Button>
          <Button size="md" variant="default" onClick={() => void restart()}>
            {strings.auth.back}
          </Button>
        </Stack>
      </AuthCard>
    );
  }

  const error = errors[0] && plain(errors[0]);
  if (awaitsCode(flow)) {
    return (
      <AuthCard title={s.codeTitle} subtitle={strings.auth.codeSent(address)}>
        <FlowNotice problem={problem} renewed={renewed} />
        <CodeStep
          address={address}
          busy={busy}
          error={error}
          submitLabel={s.codeSubmit}
          onCode={(code) => void submit({ method: "code", [addressNode[kind]]: address, code })}
          onResend={() => submit({ method: "code", [addressNode[kind]]: address, resend: "code" })}
          onBack={() => void restart()}
        />
      </AuthCard>
    );
  }

  if (flow.refresh) {
    const back = (
      <AnchorLink to={returnTo} size="sm">
        {strings.auth.confirm.back}
      </AnchorLink>
    );
    return <Confirm {...{ flow, busy, problem, renewed, submit }} footer={back} />;
  }

  const offered = methods(flow);
  return (
    <AuthCard title={s.title} subtitle={s.subtitle} footer={footer}>
      <FlowNotice problem={problem} renewed={renewed} />
      <AddressStep
        initial={address || handedOver || ""}
        busy={busy}
        error={error}
        submitLabel={s.submit}
        passwordOffered={offered.password}
        passwordAutoComplete={kind === "login" ? "current-password" : "new-password"}
        passwordLabel={s.codeSubmit}
        onAddress={(to) => void sendCode(to)}
        onPassword={(to, password) => void submit({ method: "password", [addressNode[kind]]: to, password })}
      />
      <Providers
        providers={offered.providers}
        busy={busy}
        onPick={(provider) => void submit({ method: "oidc", provider })}
      />
      {errors[0]?.id === addressNotVerified && (
        <AnchorLink to="/auth/verification" search={{ return_to: returnTo }} state={{ address }} size="sm">
          {strings.auth.verification.link}
        </AnchorLink>
      )}
      {kind === "login" && offered.password && (
        <AnchorLink to="/auth/recovery" size="sm">
          {strings.auth.recovery.link}
        </AnchorLink>
      )}
    </AuthCard>
  );
}

/** When the address belongs on the other page: what to ask before going there. */
function crossing(kind: Props["kind"], flow: Flow) {
  const ids = new Set(messages(flow).map((message) => message.id));
  if (kind === "login" && ids.has(unknownAccount)) {
    const { unknownTitle: title, unknown: text, unknownSubmit: submit } = strings.auth.login;
    return { title, text, submit };
  }
  if (kind === "registration" && ids.has(accountExists)) {
    const { existsTitle: title, exists: text, existsSubmit: submit } = strings.auth.registration;
    return { title, text, submit };
  }
  return undefined;
}
