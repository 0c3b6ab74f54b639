import { Anchor, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { strings } from "~/strings";
import classes from "./auth.module.css";
import { DevMail } from "./DevMail";

const s = strings.auth;
const digits = 6;

interface Props {
  address: string;
  busy: boolean;
  error?: string;
  submitLabel: string;
  onCode: (code: string) => void;
  onResend: () => Promise<unknown>;
  onBack: () => void;
}

/** Asks for the mailed code. The sixth digit sends it; a wrong one is marked and can be typed over. */
export function CodeStep(props: Props) {
  const [code, setCode] = useState("");
  const [resent, setResent] = useState(false);
  const [invalid, setInvalid] = useState(false);

  const change = (text: string) => {
    const next = text.replace(/\D/g, "").slice(0, digits);
    setCode(next);
    setInvalid(false);
    if (next.length === digits && next !== code) {
      props.onCode(next);
    }
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (code.length === digits) {
      props.onCode(code);
    } else {
      setInvalid(true);
    }
  };
  const resend = async () => {
    setCode("");
    await props.onResend();
    setResent(true);
  };

  return (
    <form onSubmit={send} noValidate>
      <Stack gap="md">
        <TextInput
          className={classes.code}
          label={s.code}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          size="md"
          autoFocus
          value={code}
          onChange={(event) => change(event.currentTarget.value)}
          error={invalid ? s.invalidCode : props.error}
        />
        <Button type="submit" size="md" fullWidth loading={props.busy}>
          {props.submitLabel}
        </Button>
        <Group justify="space-between">
          <Anchor component="button" type="button" size="sm" onClick={() => void resend()}>
            {s.resend}
          </Anchor>
          <Anchor component="button" type="button" size="sm" onClick={props.onBack}>
            {s.back}
          </Anchor>
        </Group>
        <Text size="sm" c="dimmed" role="status" hidden={!resent}>
          {s.resent}
        </Text>
        <DevMail address={props.address} />
      </Stack>
    </form>
  );
}
