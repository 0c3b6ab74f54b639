import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDeviceMobile, IconLifebuoy } from "@tabler/icons-react";
import { useRef } from "react";
import { nodeValue, shown } from "~/auth/flow";
import type { Flow } from "~/auth/kratos";
import type { FlowState } from "~/auth/useFlow";
import { settingsStrings } from "~/strings/settings";
import { succeeded } from "../notices";
import { Row, Section } from "../Section";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { useReturnFocus } from "../useReturnFocus";
import { AppSetup } from "./AppSetup";
import type { Part } from "./ProfilePage";
import { RecoveryCodes } from "./RecoveryCodes";

const s = settingsStrings.secondFactor;
const method = "lookup_secret";

const offers = (flow: Flow, name: string) => flow.ui.nodes.some(({ attributes }) => attributes.name === name);

/** An authenticator app and recovery codes: setting them up, looking them up, doing without. */
export function TwoFactor({
  flow,
  busy,
  change,
  error,
  submit,
  restart,
}: Part & Pick<FlowState, "submit" | "restart">) {
  const [setup, { open, close }] = useDisclosure();
  const opener = useReturnFocus(setup);
  const [leaving, leave] = useDisclosure();
  const heading = useRef<HTMLDivElement>(null);

  const on = offers(flow, "totp_unlink");
  const available = on || shown(flow, "totp_secret_key") !== undefined;
  const hasCodes = offers(flow, "lookup_secret_disable");
  const codes = codesOf(flow);
  const fresh = offers(flow, "lookup_secret_confirm");

  if (!available) {
    return null;
  }
  const turnOn = async (code: string) => {
    if (await change({ method: "totp", totp_code: code })) {
      close();
      succeeded(s.turnedOn);
      await submit({ method, lookup_secret_regenerate: true });
    }
  };
  const turnOff = async () => {
    leave.close();
    const without = await change({ method: "totp", totp_unlink: true });
    // Recovery codes alone would still be asked for.
    if (
      without &&
      (!offers(without, "lookup_secret_disable") || (await change({ method, lookup_secret_disable: true })))
    ) {
      succeeded(s.turnedOff);
      heading.current?.focus();
    }
  };
  const confirm = async () => {
    if (await change({ method, lookup_secret_confirm: true })) {
      succeeded(s.codesStored);
      heading.current?.focus();
    }
  };

  return (
    <div ref={heading} tabIndex={-1} style={{ outline: "none" }}>
      <Section
        title={s.title}
        description={s.description}
        aside={<Tag color={on ? "teal" : "gray"}>{on ? s.stateOn : s.stateOff}</Tag>}
      >
        {!on && !setup && (
          <div className={classes.pad}>
            <Button ref={opener} size="sm" variant="default" onClick={open}>
              {s.start}
            </Button>
          </div>
        )}
        {!on && setup && (
          <AppSetup flow={flow} busy={busy} error={error("totp")} onCode={turnOn} onCancel={close} />
        )}
        {on && (
          <>
            <Row
              icon={<IconDeviceMobile size={20} aria-hidden />}
              title={s.app}
              control={
                <Button size="xs" variant="default" disabled={busy} onClick={leave.open}>
                  {s.turnOff}
                </Button>
              }
            >
              {s.appThere}
            </Row>
            {!codes ? (
              <Row
                icon={<IconLifebuoy size={20} aria-hidden />}
                title={s.codes}
                control={
                  <>
                    {hasCodes && (
                      <Button
                        size="xs"
                        variant="default"
                        disabled={busy}
                        onClick={() => void submit({ method, lookup_secret_reveal: true })}
                      >
                        {s.show}
                      </Button>
                    )}
                    <Button
                      size="xs"
                      variant="default"
                      disabled={busy}
                      onClick={() => void submit({ method, lookup_secret_regenerate: true })}
                    >
                      {hasCodes ? s.renew : s.make}
                    </Button>
                  </>
                }
              >
                {hasCodes ? s.codesThere : s.codesMissing}
              </Row>
            ) : (
              <RecoveryCodes
                codes={codes}
                fresh={fresh}
                busy={busy}
                email={nodeValue(flow, "traits.email") ?? ""}
                onConfirm={() => void confirm()}
                onHide={() => void restart()}
              />
            )}
          </>
        )}
      </Section>
      <Modal opened={leaving} onClose={leave.close} title={s.turnOffTitle} centered>
        <Stack>
          <Text size="sm">{s.turnOffText}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={leave.close} data-autofocus>
              {settingsStrings.common.cancel}
            </Button>
            <Button color="red" onClick={() => void turnOff()}>
              {s.turnOff}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </div>
  );
}

/** The recovery codes that the flow shows at the moment; used ones are left out. */
export function codesOf(flow: Flow): string[] | undefined {
  const secrets = shown(flow, "lookup_secret_codes")?.attributes.text?.context?.secrets;
  if (!Array.isArray(secrets)) {
    return undefined;
  }
  return secrets
    .map((secret: { context?: { secret?: unknown } }) => secret.context?.secret)
    .filter((code): code is string => typeof code === "string");
}
