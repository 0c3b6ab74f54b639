import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { nodeValue } from "~/auth/flow";
import { settingsStrings } from "~/strings/settings";
import { succeeded } from "../notices";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useReturnFocus } from "../useReturnFocus";
import type { Part } from "./ProfilePage";

const s = settingsStrings.password;

/** Sets a password, where the server has them switched on. */
export function Password({ flow, busy, change, error }: Part) {
  const [password, setPassword] = useState("");
  const [opened, { open, close }] = useDisclosure();
  const opener = useReturnFocus(opened);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (await change({ method: "password", password })) {
      setPassword("");
      close();
      succeeded(s.done);
    }
  };
  if (!opened) {
    return (
      <Section title={s.title} description={s.description}>
        <div className={classes.pad}>
          <Button ref={opener} size="sm" variant="default" onClick={open}>
            {s.start}
          </Button>
        </div>
      </Section>
    );
  }
  return (
    <Section title={s.title} description={s.description}>
      <form onSubmit={(event) => void save(event)} className={classes.pad}>
        <input
          type="text"
          name="username"
          autoComplete="username"
          value={nodeValue(flow, "traits.email") ?? ""}
          readOnly
          hidden
        />
        <Stack gap="sm">
          <PasswordInput
            label={s.label}
            name="password"
            autoComplete="new-password"
            autoFocus
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={error("password")}
          />
          <Group gap="xs">
            <Button type="submit" size="sm" loading={busy} disabled={password === ""}>
              {s.submit}
            </Button>
            <Button
              size="sm"
              variant="default"
              onClick={() => {
                setPassword("");
                close();
              }}
            >
              {settingsStrings.common.cancel}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
