import { Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { strings } from "~/strings";

const s = strings.auth;

interface Props {
  initial: string;
  busy: boolean;
  /** What is wrong with what was sent, in plain words. */
  error?: string;
  submitLabel: string;
  passwordOffered: boolean;
  passwordAutoComplete?: "current-password" | "new-password";
  passwordLabel?: string;
  onAddress: (address: string) => void;
  onPassword?: (address: string, password: string) => void;
}

/** Asks for the address and, where passwords are offered and wanted, for one. */
export function AddressStep(props: Props) {
  const [address, setAddress] = useState(props.initial);
  const [password, setPassword] = useState("");
  const [withPassword, setWithPassword] = useState(false);
  const [invalid, setInvalid] = useState(false);

  const send = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = address.trim();
    if (!/^\S+@\S+\.\S+$/.test(trimmed)) {
      setInvalid(true);
      return;
    }
    setInvalid(false);
    if (withPassword) {
      props.onPassword?.(trimmed, password);
    } else {
      props.onAddress(trimmed);
    }
  };

  const error = invalid ? s.invalidEmail : props.error;
  return (
    <form onSubmit={send} noValidate>
      <Stack gap="md">
        <TextInput
          label={s.email}
          placeholder={s.emailPlaceholder}
          type="email"
          name="email"
          autoComplete="username"
          inputMode="email"
          size="md"
          data-autofocus
          autoFocus
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
          error={withPassword && !invalid ? undefined : error}
        />
        {withPassword && (
          <PasswordInput
            label={s.password}
            name="password"
            autoComplete={props.passwordAutoComplete}
            size="md"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={invalid ? undefined : error}
          />
        )}
        <Button type="submit" size="md" fullWidth loading={props.busy}>
          {withPassword ? props.passwordLabel : props.submitLabel}
        </Button>
        {props.passwordOffered && (
          <Anchor component="button" type="button" size="sm" onClick={() => setWithPassword(!withPassword)}>
            {withPassword ? s.useCode : s.usePassword}
          </Anchor>
        )}
      </Stack>
    </form>
  );
}
