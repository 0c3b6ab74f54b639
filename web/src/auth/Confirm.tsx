import { Button, PasswordInput, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { sessionQuery } from "~/api/session";
import { strings } from "~/strings";
import { AddressStep } from "./AddressStep";
import { AuthCard } from "./AuthCard";
import { FlowNotice } from "./FlowNotice";
import { FormSkeleton } from "./FormSkeleton";
import { messages, methods } from "./flow";
import type { Flow } from "./kratos";
import { Providers } from "./Providers";
import type { FlowState } from "./useFlow";
import { plain } from "./words";

const s = strings.auth.confirm;

interface Props extends Pick<FlowState, "busy" | "problem" | "renewed" | "submit"> {
  flow: Flow;
  footer: React.ReactNode;
}

/** Before something important is changed: somebody who is signed in shows once more who they are. */
export function Confirm({ flow, busy, problem, renewed, submit, footer }: Props) {
  const session = useQuery({ ...sessionQuery, retry: false });
  const offered = methods(flow);
  const failed = messages(flow).find((message) => message.type === "error");
  const error = failed && plain(failed);
  const email = session.data?.user.email;
  const sendCode = (address: string) => void submit({ method: "code", identifier: address });
  const sendPassword = (address: string, password: string) =>
    void submit({ method: "password", identifier: address, password });

  return (
    <AuthCard title={s.title} subtitle={s.subtitle(email)} footer={footer}>
      <FlowNotice problem={problem} renewed={renewed} />
      {session.isPending && <FormSkeleton />}
      {email && offered.code && (
        <Button size="md" loading={busy} onClick={() => sendCode(email)} autoFocus>
          {strings.auth.login.submit}
        </Button>
      )}
      {email && offered.password && (
        <PasswordForm
          busy={busy}
          error={error}
          email={email}
          onPassword={(password) => sendPassword(email, password)}
        />
      )}
      {!email && !session.isPending && (
        <AddressStep
          initial=""
          busy={busy}
          error={error}
          submitLabel={strings.auth.login.submit}
          passwordOffered={offered.password}
          passwordAutoComplete="current-password"
          passwordLabel={strings.auth.login.codeSubmit}
          onAddress={sendCode}
          onPassword={sendPassword}
        />
      )}
      <Providers
        providers={offered.providers}
        busy={busy}
        onPick={(provider) => void submit({ method: "oidc", provider })}
      />
    </AuthCard>
  );
}

interface PasswordProps {
  busy: boolean;
  error?: string;
  /** For password managers, which want to know whose password it is. */
  email: string;
  onPassword: (password: string) => void;
}

function PasswordForm({ busy, error, email, onPassword }: PasswordProps) {
  const [password, setPassword] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    onPassword(password);
    setPassword("");
  };
  return (
    <form onSubmit={send}>
      <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
      <Stack gap="md">
        <PasswordInput
          label={s.password}
          name="password"
          autoComplete="current-password"
          size="md"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={error}
        />
        <Button type="submit" size="md" variant="default" loading={busy} disabled={password === ""}>
          {s.submit}
        </Button>
      </Stack>
    </form>
  );
}
