import { Alert, Anchor, Button, Group, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { strings } from "~/strings";
import { AuthCard } from "./AuthCard";
import classes from "./auth.module.css";
import { FlowNotice } from "./FlowNotice";
import { messages, methods } from "./flow";
import type { Flow } from "./kratos";
import type { FlowState } from "./useFlow";
import { useSignOut } from "./useSignOut";
import { plain } from "./words";

const s = strings.auth.secondFactor;
const digits = 6;

interface Props extends Pick<FlowState, "busy" | "problem" | "renewed" | "submit"> {
  flow: Flow;
}

/** Asks for what an authenticator app shows, or for one of the recovery codes. */
export function SecondFactor({ flow, busy, problem, renewed, submit }: Props) {
  const offered = methods(flow);
  const [backup, setBackup] = useState(!offered.totp);
  const leave = useSignOut();
  const failed = messages(flow).find((message) => message.type === "error");
  const byBackup = backup && offered.backup;

  if (!offered.totp && !offered.backup) {
    return (
      <AuthCard title={s.title} footer={<SignOutLink onClick={leave} />}>
        <Alert color="orange">{s.unknown}</Alert>
      </AuthCard>
    );
  }
  return (
    <AuthCard
      title={s.title}
      subtitle={byBackup ? s.backupSubtitle : s.subtitle}
      footer={<SignOutLink onClick={leave} />}
    >
      <FlowNotice problem={problem} renewed={renewed} />
      <FactorForm
        // A wrong code is typed anew.
        key={String(byBackup)}
        backup={byBackup}
        busy={busy}
        error={failed && plain(failed)}
        onCode={(code) =>
          void submit(
            byBackup ? { method: "lookup_secret", lookup_secret: code } : { method: "totp", totp_code: code },
          )
        }
      >
        {offered.totp && offered.backup && (
          <Anchor component="button" type="button" size="sm" onClick={() => setBackup(!backup)}>
            {byBackup ? s.useApp : s.useBackup}
          </Anchor>
        )}
      </FactorForm>
    </AuthCard>
  );
}

interface FormProps {
  backup: boolean;
  busy: boolean;
  error?: string;
  onCode: (code: string) => void;
  children?: React.ReactNode;
}

function FactorForm({ backup, busy, error, onCode, children }: FormProps) {
  const [code, setCode] = useState("");
  const [invalid, setInvalid] = useState(false);
  const complete = backup ? code !== "" : code.length === digits;

  const change = (text: string) => {
    const next = backup ? text.trim() : text.replace(/\D/g, "").slice(0, digits);
    setCode(next);
    setInvalid(false);
    if (!backup && next.length === digits && next !== code) {
      onCode(next);
    }
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (complete) {
      onCode(code);
    } else {
      setInvalid(true);
    }
  };
  return (
    <form onSubmit={send} noValidate>
      <Stack gap="md">
        <TextInput
          className={backup ? undefined : classes.code}
          label={backup ? s.backup : strings.auth.code}
          name="code"
          inputMode={backup ? "text" : "numeric"}
          autoComplete={backup ? "off" : "one-time-code"}
          autoCapitalize="none"
          spellCheck={false}
          size="md"
          autoFocus
          value={code}
          onChange={(event) => change(event.currentTarget.value)}
          error={invalid ? (backup ? s.backupMissing : strings.auth.invalidCode) : error}
        />
        <Button type="submit" size="md" fullWidth loading={busy}>
          {s.submit}
        </Button>
        {children && <Group>{children}</Group>}
      </Stack>
    </form>
  );
}

function SignOutLink({ onClick }: { onClick: () => void }) {
  return (
    <Anchor component="button" type="button" size="sm" onClick={onClick}>
      {s.signOut}
    </Anchor>
  );
}
