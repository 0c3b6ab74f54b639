import { Button, CopyButton, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { Share } from "~/api/shares";
import { ago } from "~/settings/format";
import { shareStrings } from "~/strings/share";
import { calendarDay } from "./format";
import classes from "./share.module.css";
import { useRevoke } from "./useRevoke";

const s = shareStrings.links;

/** One link: to be copied, also by hand, and to be revoked. */
export function ShareLink({ share }: { share: Share }) {
  const revoke = useRevoke();
  const title = share.title || s.untitled;
  return (
    <li>
      <TextInput
        className={classes.url}
        value={share.url}
        readOnly
        aria-label={s.link(title)}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyLink share={share} />
      <Button variant="default" size="xs" loading={revoke.isPending} onClick={() => revoke.mutate(share.id)}>
        {s.revoke}
      </Button>
      <Text size="xs" c="dimmed" className={classes.about}>
        {s.about(share.messages, ago(share.createdAt), calendarDay(share.expiresAt))}
      </Text>
    </li>
  );
}

/** A button that copies a link. */
export function CopyLink({ share, label }: { share: Share; label?: string }) {
  return (
    <CopyButton value={share.url} timeout={2000}>
      {({ copied, copy }) => (
        <Button
          variant="default"
          size="xs"
          leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
          aria-label={copied ? undefined : label}
          onClick={copy}
        >
          {copied ? s.copied : s.copy}
        </Button>
      )}
    </CopyButton>
  );
}
