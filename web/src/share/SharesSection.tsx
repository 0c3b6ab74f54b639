import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type Share, sharesQuery } from "~/api/shares";
import { ago } from "~/settings/format";
import { Loaded } from "~/settings/Loaded";
import { Row, Section } from "~/settings/Section";
import { shareStrings } from "~/strings/share";
import { calendarDay } from "./format";
import { CopyLink } from "./ShareLink";
import { useRevoke } from "./useRevoke";

const s = shareStrings.links;

/** All that one shares by link. */
export function SharesSection() {
  const query = useQuery(sharesQuery);
  return (
    <Section title={s.title} description={s.text}>
      <Loaded query={query} lines={2}>
        {(shares) =>
          shares.length === 0 ? (
            <Text size="sm" c="dimmed" py="md">
              {s.none}
            </Text>
          ) : (
            shares.map((share) => <ShareRow key={share.id} share={share} />)
          )
        }
      </Loaded>
    </Section>
  );
}

function ShareRow({ share }: { share: Share }) {
  const revoke = useRevoke();
  const title = share.title || s.untitled;
  return (
    <Row
      title={title}
      control={
        <>
          <CopyLink share={share} label={s.copyOf(title)} />
          <Button
            component="a"
            href={share.url}
            target="_blank"
            rel="noopener noreferrer"
            variant="default"
            size="xs"
            aria-label={s.openOf(title)}
          >
            {s.open}
          </Button>
          <Button
            variant="default"
            size="xs"
            aria-label={s.revokeOf(title)}
            loading={revoke.isPending}
            onClick={() => revoke.mutate(share.id)}
          >
            {s.revoke}
          </Button>
        </>
      }
    >
      {s.about(share.messages, ago(share.createdAt), calendarDay(share.expiresAt))}
    </Row>
  );
}
