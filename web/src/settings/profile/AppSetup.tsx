import { Button, CopyButton, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { shown } from "~/auth/flow";
import type { Flow } from "~/auth/kratos";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";

const s = settingsStrings.secondFactor;
const digits = 6;

interface Props {
  flow: Flow;
  busy: boolean;
  error?: string;
  onCode: (code: string) => Promise<void>;
  onCancel: () => void;
}

/** Shows the secret to an authenticator app and asks for its first code. */
export function AppSetup({ flow, busy, error, onCode, onCancel }: Props) {
  const [code, setCode] = useState("");
  const [invalid, setInvalid] = useState(false);
  const secret = secretOf(flow);
  const picture = shown(flow, "totp_qr")?.attributes.src;

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (code.length === digits) {
      void onCode(code);
    } else {
      setInvalid(true);
    }
  };
  return (
    <form onSubmit={send} noValidate className={classes.pad}>
      <Stack gap="md">
        <Text size="sm">{s.scan}</Text>
        {picture?.startsWith("data:image/") && (
          <img className={classes.qr} src={picture} alt={s.qr} width={184} height={184} />
        )}
        <div>
          <Text size="sm" c="dimmed">
            {s.byHand}
          </Text>
          <Group gap="xs" wrap="nowrap">
            <span className={classes.mono}>{secret.match(/.{1,4}/g)?.join(" ")}</span>
            <CopyButton value={secret}>
              {({ copied, copy }) => (
                <Button
                  size="compact-sm"
                  variant="subtle"
                  aria-label={copied ? settingsStrings.common.copied : s.copySecret}
                  onClick={copy}
                >
                  {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
                </Button>
              )}
            </CopyButton>
          </Group>
        </div>
        <TextInput
          label={s.code}
          name="totp"
          inputMode="numeric"
          autoComplete="one-time-code"
          maw="14rem"
          autoFocus
          value={code}
          onChange={(event) => {
            setCode(event.currentTarget.value.replace(/\D/g, "").slice(0, digits));
            setInvalid(false);
          }}
          error={invalid ? s.codeMissing : error}
        />
        <Group gap="xs">
          <Button type="submit" size="sm" loading={busy}>
            {s.turnOn}
          </Button>
          <Button size="sm" variant="default" onClick={onCancel}>
            {settingsStrings.common.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function secretOf(flow: Flow): string {
  const text = shown(flow, "totp_secret_key")?.attributes.text;
  const { secret } = text?.context ?? {};
  return typeof secret === "string" ? secret : (text?.text ?? "");
}
