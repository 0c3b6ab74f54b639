import { Button, Divider, Stack } from "@mantine/core";
import { IconBrandGithub, IconBrandGoogle } from "@tabler/icons-react";
import { strings } from "~/strings";

interface Provider {
  name: string;
  Icon?: typeof IconBrandGoogle;
}

const known: Record<string, Provider> = {
  google: { name: "Google", Icon: IconBrandGoogle },
  github: { name: "GitHub", Icon: IconBrandGithub },
};

/** What an identity provider is called. */
export function providerOf(id: string): Provider {
  return known[id] ?? { name: id };
}

interface Props {
  providers: string[];
  busy: boolean;
  onPick: (provider: string) => void;
}

/** A button for each identity provider that the server has been given. */
export function Providers({ providers, busy, onPick }: Props) {
  if (providers.length === 0) {
    return null;
  }
  return (
    <Stack gap="sm">
      <Divider label={strings.auth.or} />
      {providers.map((id) => {
        const { name, Icon } = providerOf(id);
        return (
          <Button
            key={id}
            variant="default"
            size="md"
            disabled={busy}
            leftSection={Icon && <Icon size={18} aria-hidden />}
            onClick={() => onPick(id)}
          >
            {strings.auth.with(name)}
          </Button>
        );
      })}
    </Stack>
  );
}
