import { Button, Group, Stack, TextInput } from "@mantine/core";
import { IconLogout, IconMail } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { nodeValue } from "~/auth/flow";
import { useSignOut } from "~/auth/useSignOut";
import { AnchorLink } from "~/shell/links";
import { strings } from "~/strings";
import { settingsStrings } from "~/strings/settings";
import { Row, Section } from "../Section";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { useKept } from "../useKept";
import { useReturnFocus } from "../useReturnFocus";
import type { Part } from "./ProfilePage";

const s = settingsStrings.profile;

/** The address that the account belongs to, and the way out. */
export function Account({ flow, busy, change, error }: Part) {
  const email = nodeValue(flow, "traits.email") ?? "";
  const signOut = useSignOut();
  // What was typed survives having to confirm who one is first.
  const [kept, keep] = useKept("email");
  const opener = useReturnFocus(kept !== undefined);
  const [complaint, setComplaint] = useState<string>();
  const verified = flow.identity?.verifiable_addresses?.find(({ value }) => value === email)?.verified;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const next = (kept ?? "").trim();
    if (!/^\S+@\S+\.\S+$/.test(next)) {
      setComplaint(strings.auth.invalidEmail);
    } else if (next === email) {
      setComplaint(s.same);
    } else {
      setComplaint(undefined);
      const name = nodeValue(flow, "traits.name");
      const values = { method: "profile", "traits.email": next, ...(name ? { "traits.name": name } : {}) };
      if (await change(values)) {
        keep(undefined);
      }
    }
  };

  return (
    <Section title={s.account}>
      <Row
        icon={<IconMail size={20} aria-hidden />}
        title={email}
        control={
          <>
            {kept === undefined && (
              <Button ref={opener} size="xs" variant="default" onClick={() => keep("")}>
                {s.change}
              </Button>
            )}
            <Button
              size="xs"
              variant="default"
              leftSection={<IconLogout size={14} aria-hidden />}
              onClick={() => void signOut()}
            >
              {s.signOut}
            </Button>
          </>
        }
      >
        {verified === false ? (
          <Group gap="xs">
            <Tag color="orange">{s.unverified}</Tag>
            <AnchorLink
              size="sm"
              to="/auth/verification"
              search={{ return_to: "/settings/profile" }}
              state={{ address: email }}
            >
              {s.verify}
            </AnchorLink>
          </Group>
        ) : (
          s.signedInAs
        )}
      </Row>
      {kept !== undefined && (
        <form onSubmit={(event) => void save(event)} noValidate className={classes.pad}>
          <Stack gap="sm">
            <TextInput
              label={s.email}
              description={s.emailHelp}
              type="email"
              autoComplete="email"
              inputMode="email"
              autoFocus
              value={kept}
              onChange={(event) => {
                keep(event.currentTarget.value);
                setComplaint(undefined);
              }}
              error={complaint ?? error("profile")}
            />
            <Group gap="xs">
              <Button type="submit" size="sm" loading={busy}>
                {s.sendCode}
              </Button>
              <Button
                size="sm"
                variant="default"
                onClick={() => {
                  keep(undefined);
                  setComplaint(undefined);
                }}
              >
                {settingsStrings.common.cancel}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Section>
  );
}
