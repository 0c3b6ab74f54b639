import { Alert, Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { deleteAccount } from "~/api/deletion";
import { Problem } from "~/api/problem";
import { nodeValue } from "~/auth/flow";
import { forgetDrafts } from "~/chat/drafts";
import { settingsStrings } from "~/strings/settings";
import { Row, Section } from "../Section";
import { describe } from "../Trouble";
import type { Part } from "./ProfilePage";

const s = settingsStrings.deletion;

/** The end of the account, behind a question that has to be answered by its address. */
export function DeleteAccount({ flow }: Part) {
  const email = nodeValue(flow, "traits.email") ?? "";
  const navigate = useNavigate();
  const [asking, ask] = useDisclosure();
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: deleteAccount,
    onSuccess: ({ receiptId }) => {
      forgetDrafts();
      // A whole new page: nothing of the account stays in memory.
      location.assign(`/auth/deleted?${new URLSearchParams({ id: receiptId })}`);
    },
    onError: (error) => {
      if (error instanceof Problem && error.code === "reauthentication_required") {
        void navigate({ to: "/auth/login", search: { refresh: true, return_to: "/settings/profile" } });
      }
    },
  });
  const matches = typed.trim().toLowerCase() === email.toLowerCase();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (matches && !remove.isSuccess) {
      remove.mutate(typed.trim());
    }
  };
  const trouble = remove.error ? describe(remove.error) : undefined;
  return (
    <Section title={s.title}>
      <Row
        icon={<IconTrash size={20} aria-hidden />}
        title={s.rowTitle}
        control={
          <Button size="xs" variant="light" color="red" onClick={ask.open}>
            {s.open}
          </Button>
        }
      >
        {s.rowText}
      </Row>
      <Modal opened={asking} onClose={ask.close} title={s.question} centered>
        <form onSubmit={submit} noValidate>
          <Stack>
            <Text size="sm">{s.text}</Text>
            <TextInput
              label={s.confirm(email)}
              type="email"
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              data-autofocus
            />
            {trouble && (
              <Alert color={trouble.color} title={trouble.title} role="alert">
                {trouble.text}
              </Alert>
            )}
            <Group justify="flex-end">
              <Button variant="default" onClick={ask.close}>
                {settingsStrings.common.cancel}
              </Button>
              <Button
                type="submit"
                color="red"
                disabled={!matches}
                loading={remove.isPending || remove.isSuccess}
              >
                {s.submit}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Section>
  );
}
