import { Alert, Button, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { createServer, serversQuery, updateServer } from "~/api/mcp";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import type { McpServer } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { succeeded } from "../notices";
import { Trouble } from "../Trouble";
import { change, creation, type Draft, draftOf, type Header, movesHost } from "./draft";
import { HeaderFields } from "./HeaderFields";

const s = settingsStrings.tools;
const f = s.form;

interface Props {
  opened: boolean;
  /** The one to change; without, a new one is added. */
  server?: McpServer;
  onClose: () => void;
}

/** Adds or changes a server. What was typed, secrets too, is gone when the dialog is. */
export function ServerForm({ opened, server, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={server ? f.editTitle : f.addTitle} size="lg">
      <Fields server={server} onClose={onClose} />
    </Modal>
  );
}

function Fields({ server, onClose }: Omit<Props, "opened">) {
  const cache = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(server));
  const [missing, setMissing] = useState<{ name?: boolean; url?: boolean }>({});
  const [renewing, setRenewing] = useState(false);
  const headers = useRef<() => Header[]>(() => []);
  const moved = movesHost(server, draft.url.trim());
  const enterHeaders = !server || server.headers.length === 0 || renewing || moved;

  const save = useMutation({
    // The headers are read where they are typed: the cache of mutations would keep what is passed to it.
    mutationFn: () => {
      const lines = enterHeaders ? headers.current() : undefined;
      return server
        ? updateServer(server.id, change(server, draft, lines))
        : createServer(creation(draft, lines ?? []));
    },
    onSuccess: (saved) => {
      succeeded((server ? s.changed : s.added)(saved.name));
      void cache.invalidateQueries({ queryKey: serversQuery.queryKey });
      onClose();
    },
    onError: noteFailure,
  });
  const fields = save.error instanceof Problem ? save.error.fields : [];
  const complaint = (path: keyof typeof f.subjects) => {
    const found = fields.find((field) => field.path === path || field.path.startsWith(`${path}.`));
    // The server says what is wrong with a member; which one is said here.
    return found && `${found.path.slice(path.length + 1) || f.subjects[path]} ${found.message}.`;
  };
  const known = ["name", "url", "transport", "approval", "headers"] as const;
  const elsewhere = save.isError && !known.some(complaint);

  const set = (patch: Partial<Draft>) => setDraft({ ...draft, ...patch });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const lacks = { name: draft.name.trim() === "", url: draft.url.trim() === "" };
    setMissing(lacks);
    if (!lacks.name && !lacks.url) {
      save.mutate();
    }
  };
  return (
    <form onSubmit={send} noValidate autoComplete="off">
      <Stack gap="md">
        {elsewhere && <Trouble error={save.error} title={f.failed} />}
        <TextInput
          label={f.name}
          placeholder={f.namePlaceholder}
          maxLength={100}
          data-autofocus
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={missing.name ? f.required : complaint("name")}
        />
        <TextInput
          label={f.url}
          description={f.urlHelp}
          placeholder={f.urlPlaceholder}
          type="url"
          inputMode="url"
          spellCheck={false}
          value={draft.url}
          onChange={(event) => set({ url: event.currentTarget.value })}
          error={missing.url ? f.required : complaint("url")}
        />
        <Group grow align="flex-start" preventGrowOverflow={false}>
          <NativeSelect
            label={f.transport}
            value={draft.transport}
            onChange={(event) => set({ transport: event.currentTarget.value as Draft["transport"] })}
            data={options(f.transports)}
            error={complaint("transport")}
          />
          <NativeSelect
            label={f.approval}
            description={draft.approval === "never" ? f.approvalNever : undefined}
            inputWrapperOrder={["label", "input", "description", "error"]}
            value={draft.approval}
            onChange={(event) => set({ approval: event.currentTarget.value as Draft["approval"] })}
            data={options(f.approvals)}
            error={complaint("approval")}
          />
        </Group>
        {enterHeaders ? (
          <HeaderFields
            read={headers}
            error={complaint("headers")}
            hint={moved ? f.headersNewHost : undefined}
            start={server?.headers}
          />
        ) : (
          <Alert variant="light" color="gray" title={f.headers}>
            <Stack gap="xs" align="flex-start">
              {f.headersKept(server.headers.join(", "))}
              <Button size="xs" variant="default" onClick={() => setRenewing(true)}>
                {f.replaceHeaders}
              </Button>
            </Stack>
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {settingsStrings.common.cancel}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {server ? f.save : f.add}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function options(labels: Record<string, string>) {
  return Object.entries(labels).map(([value, label]) => ({ value, label }));
}
