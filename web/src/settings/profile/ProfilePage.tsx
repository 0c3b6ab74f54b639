import { Alert } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { devicesQuery } from "~/api/devices";
import { sessionQuery } from "~/api/session";
import { groupError } from "~/auth/flow";
import type { Flow } from "~/auth/kratos";
import { useFlow } from "~/auth/useFlow";
import { plain } from "~/auth/words";
import { strings } from "~/strings";
import { settingsStrings } from "~/strings/settings";
import { Waiting } from "../Loaded";
import { succeeded } from "../notices";
import { SettingsPage } from "../SettingsPage";
import { Trouble } from "../Trouble";
import { Account } from "./Account";
import { DeleteAccount } from "./DeleteAccount";
import { Devices } from "./Devices";
import { Links, linksOf } from "./Links";
import { Password } from "./Password";
import { TwoFactor } from "./TwoFactor";

const s = settingsStrings.profile;
const path = "/settings/profile";

/** What a part of the page does with the flow that all of them share. */
export interface Part {
  flow: Flow;
  busy: boolean;
  /** Sends values; resolves to whether they were taken. */
  change: (values: Record<string, string | boolean>) => Promise<Flow | undefined>;
  /** What is wrong with what was sent, by the group of its nodes. */
  error: (group: string) => string | undefined;
}

/** Who is signed in, how they sign in, and where else they are. */
export function ProfilePage() {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const { flow: flowId } = useSearch({ from: "/app/settings/profile" });
  const state = useFlow({ kind: "settings", flowId, returnTo: path, onDone: () => undefined });
  const { flow, problem, renewed } = state;

  // Back from a provider: Kratos says in the flow how it went.
  const returned = flow && flow.id === flowId ? flow.state === "success" : undefined;
  useEffect(() => {
    if (returned) {
      succeeded(s.saved);
    }
    if (returned !== undefined) {
      void navigate({ to: path, search: {}, replace: true });
    }
  }, [returned, navigate]);

  const change: Part["change"] = async (values) => {
    const next = await state.submit(values);
    if (next?.state !== "success") {
      return undefined;
    }
    // Who one is, and which sessions there are, may have changed with it.
    void cache.invalidateQueries({ queryKey: sessionQuery.queryKey });
    void cache.invalidateQueries({ queryKey: devicesQuery.queryKey });
    const verify = next.continue_with?.find((step) => step.action === "show_verification_ui");
    if (verify?.flow) {
      void navigate({
        to: "/auth/verification",
        search: { flow: verify.flow.id, return_to: path },
        state: { address: verify.flow.verifiable_address },
      });
    }
    // A flow that succeeded is used up.
    await state.restart();
    return next;
  };
  const error: Part["error"] = (group) => {
    const found = flow && groupError(flow, group);
    return found && plain(found);
  };
  const general = flow?.ui.messages?.find((message) => message.type === "error");
  const part = flow && { flow, busy: state.busy, change, error };

  return (
    <SettingsPage title={settingsStrings.nav.profile} lead={s.lead}>
      {problem && <Trouble error={problem} onRetry={flow ? undefined : () => void state.restart()} />}
      {renewed && <Alert color="blue">{strings.auth.renewed}</Alert>}
      {general && (
        <Alert color="red" role="alert">
          {plain(general)}
        </Alert>
      )}
      {part && (
        <>
          <Account {...part} />
          {flow.ui.nodes.some((node) => node.group === "password") && <Password {...part} />}
          <TwoFactor {...part} submit={state.submit} restart={state.restart} />
          {linksOf(flow).length > 0 && <Links {...part} />}
        </>
      )}
      {!part && !problem && <Waiting lines={8} />}
      <Devices />
      {part && <DeleteAccount {...part} />}
    </SettingsPage>
  );
}
