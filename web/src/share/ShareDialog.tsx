// The chevron of NativeSelect is in it.
import "@mantine/core/styles/Combobox.css";
import { Alert, Button, Modal, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Problem } from "~/api/problem";
import { refreshShares, type Share, shareConversation, sharesQuery } from "~/api/shares";
import type { Conversation } from "~/api/types";
import { strings } from "~/strings";
import { shareStrings } from "~/strings/share";
import { ShareLink } from "./ShareLink";
import classes from "./share.module.css";

const s = shareStrings.dialog;

const choices = [1, 7, 30, 90, 365];

interface Props {
  conversation: Pick<Conversation, "id" | "title">;
  onClose: () => void;
}

/** Makes links to a conversation, and shows those that there are. */
export default function ShareDialog({ conversation, onClose }: Props) {
  const cache = useQueryClient();
  const [days, setDays] = useState(30);
  const { data } = useQuery(sharesQuery);
  const create = useMutation({
    mutationFn: () => shareConversation(conversation.id, days),
    onSettled: () => refreshShares(cache),
  });
  const links = (data ?? []).filter(({ conversationId }) => conversationId === conversation.id);
  return (
    <Modal opened onClose={onClose} title={s.title} centered size="lg">
      <Stack>
        <Text size="sm">{s.what}</Text>
        <dl className={classes.facts}>
          <div>
            <dt>{s.included}</dt>
            <dd>{s.includedText}</dd>
          </div>
          <div>
            <dt>{s.excluded}</dt>
            <dd>{s.excludedText}</dd>
          </div>
        </dl>
        <NativeSelect
          label={s.expires}
          value={String(days)}
          data={choices.map((n) => ({ value: String(n), label: s.days(n) }))}
          onChange={({ currentTarget: { value } }) => setDays(Number(value))}
          data-autofocus
        />
        <Button
          leftSection={<IconLink size={16} aria-hidden />}
          loading={create.isPending}
          onClick={() => create.mutate()}
        >
          {s.create}
        </Button>
        <div role="status">{create.isSuccess && <Text size="sm">{s.created}</Text>}</div>
        {create.error && <Refusal error={create.error} />}
        {links.length > 0 && <Links links={links} />}
      </Stack>
    </Modal>
  );
}

function Refusal({ error }: { error: Error }) {
  return (
    <Alert color="red" title={s.failed} role="alert">
      {error instanceof Problem && error.detail ? error.detail : strings.problems.unknown.detail}
    </Alert>
  );
}

function Links({ links }: { links: Share[] }) {
  return (
    <section aria-labelledby="share-links">
      <Title order={3} size="h5" mb={4} id="share-links">
        {s.links}
      </Title>
      <ul className={classes.links}>
        {links.map((share) => (
          <ShareLink key={share.id} share={share} />
        ))}
      </ul>
    </section>
  );
}
