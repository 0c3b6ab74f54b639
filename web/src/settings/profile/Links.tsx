import { Alert, Button } from "@mantine/core";
import type { Flow } from "~/auth/kratos";
import { providerOf } from "~/auth/Providers";
import { settingsStrings } from "~/strings/settings";
import { succeeded } from "../notices";
import { Row, Section } from "../Section";
import type { Part } from "./ProfilePage";

const s = settingsStrings.links;

/** The providers that can be linked or are. The last way in has no node to unlink it: it is not listed. */
export function linksOf(flow: Flow): { provider: string; linked: boolean }[] {
  return flow.ui.nodes
    .filter(({ group, attributes }) => group === "oidc" && ["link", "unlink"].includes(attributes.name ?? ""))
    .map(({ attributes }) => ({ provider: String(attributes.value), linked: attributes.name === "unlink" }))
    .sort((a, b) => a.provider.localeCompare(b.provider));
}

/** Accounts elsewhere that open this one. */
export function Links({ flow, busy, change, error }: Part) {
  const problem = error("oidc");
  return (
    <Section title={s.title} description={s.description}>
      {problem && (
        <Alert color="red" role="alert" my="sm">
          {problem}
        </Alert>
      )}
      {linksOf(flow).map(({ provider, linked }) => {
        const { name, Icon } = providerOf(provider);
        return (
          <Row
            key={provider}
            icon={Icon && <Icon size={20} aria-hidden />}
            title={name}
            control={
              <Button
                size="xs"
                variant="default"
                disabled={busy}
                onClick={async () => {
                  if (await change({ method: "oidc", [linked ? "unlink" : "link"]: provider })) {
                    succeeded(settingsStrings.profile.saved);
                  }
                }}
              >
                {(linked ? s.unlink : s.link)(name)}
              </Button>
            }
          >
            {linked ? s.linked : s.notLinked}
          </Row>
        );
      })}
    </Section>
  );
}
