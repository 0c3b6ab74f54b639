import { Button, Group, Menu, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBookmark } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { changeQuery, deleteQuery, type SavedQuery, savedQueriesQuery, saveQuery } from "~/api/adminSql";
import { Problem } from "~/api/problem";
import { ConfirmDialog } from "~/settings/ConfirmDialog";
import { failed, succeeded } from "~/settings/notices";
import settings from "~/settings/settings.module.css";
import { Trouble } from "~/settings/Trouble";
import type { Held } from "~/sql/Console";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import classes from "../admin.module.css";

const s = adminStrings.sql;

/** Queries that the server keeps for all admins: opening one, keeping what is in the editor, and tidying up. */
export function SavedQueries({ held }: { held: Held }) {
  const { data = [] } = useQuery(savedQueriesQuery);
  const [saving, setSaving] = useState<string>();
  const [managing, manage] = useDisclosure();
  const begin = () => {
    const text = held.text();
    if (text.trim() === "") {
      failed(s.saveFailed, new Problem({ code: "empty", detail: s.nothing }));
    } else {
      setSaving(text);
    }
  };
  return (
    <>
      <Menu position="bottom-start" withinPortal>
        <Menu.Target>
          <Button size="xs" variant="default" leftSection={<IconBookmark size={14} aria-hidden />}>
            {s.saved}
          </Button>
        </Menu.Target>
        <Menu.Dropdown className={classes.savedMenu}>
          <Menu.Item onClick={begin}>{s.saveTitle}…</Menu.Item>
          <Menu.Item disabled={data.length === 0} onClick={manage.open}>
            {s.manage}…
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>{data.length > 0 ? s.savedHint : s.savedEmpty}</Menu.Label>
          {data.map(({ id, name, query }) => (
            <Menu.Item key={id} onClick={() => held.take(query)}>
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {saving !== undefined && (
        <NameDialog
          title={s.saveTitle}
          // Under a name that is there already it takes that query's place.
          save={(name) => {
            const same = data.find((one) => one.name === name);
            return same ? changeQuery(same.id, name, saving) : saveQuery(name, saving);
          }}
          note={(name) => (data.some((one) => one.name === name) ? s.overwrite(name) : undefined)}
          onClose={() => setSaving(undefined)}
        />
      )}
      <Modal opened={managing} onClose={manage.close} title={s.manage} size="lg">
        <Text size="sm" c="dimmed">
          {data.length > 0 ? s.savedHint : s.savedEmpty}
        </Text>
        <ul className={settings.list}>
          {data.map((one) => (
            <Saved
              key={one.id}
              one={one}
              onOpen={() => {
                manage.close();
                held.take(one.query);
              }}
            />
          ))}
        </ul>
      </Modal>
    </>
  );
}

function Saved({ one, onOpen }: { one: SavedQuery; onOpen: () => void }) {
  const cache = useQueryClient();
  const [renaming, rename] = useDisclosure();
  const [asking, ask] = useDisclosure();
  const remove = useMutation({
    mutationFn: () => deleteQuery(one.id),
    onSuccess: () => succeeded(s.deleted),
    onError: (error) => failed(s.deleteFailed, error),
    onSettled: () => cache.invalidateQueries({ queryKey: savedQueriesQuery.queryKey }),
  });
  return (
    <li className={settings.row}>
      <div className={settings.rowText}>
        <div className={settings.rowTitle}>{one.name}</div>
        <Text size="xs" c="dimmed" lineClamp={2} className={classes.mono}>
          {one.query}
        </Text>
      </div>
      <div className={settings.rowControl}>
        <Button size="compact-xs" variant="default" aria-label={s.open(one.name)} onClick={onOpen}>
          {s.openShort}
        </Button>
        <Button size="compact-xs" variant="default" aria-label={s.rename(one.name)} onClick={rename.open}>
          {s.renameShort}
        </Button>
        <Button
          size="compact-xs"
          variant="light"
          color="red"
          aria-label={s.delete(one.name)}
          loading={remove.isPending}
          onClick={ask.open}
        >
          {adminStrings.common.delete}
        </Button>
      </div>
      {renaming && (
        <NameDialog
          title={s.renameTitle}
          name={one.name}
          save={(name) => changeQuery(one.id, name, one.query)}
          onClose={rename.close}
        />
      )}
      <ConfirmDialog
        opened={asking}
        onClose={ask.close}
        title={s.deleteQuestion(one.name)}
        action={adminStrings.common.delete}
        onConfirm={() => remove.mutate()}
      >
        {s.deleteText}
      </ConfirmDialog>
    </li>
  );
}

interface NameProps {
  title: string;
  name?: string;
  save: (name: string) => Promise<SavedQuery>;
  /** What saving under a name does beside it. */
  note?: (name: string) => string | undefined;
  onClose: () => void;
}

function NameDialog({ title, name: before = "", save, note, onClose }: NameProps) {
  const cache = useQueryClient();
  const [name, setName] = useState(before);
  const wanted = name.trim();
  const fits = wanted !== "" && [...wanted].length <= 100;
  const send = useMutation({
    mutationFn: () => save(wanted),
    onSuccess: () => {
      succeeded(s.savedAs(wanted));
      onClose();
    },
    onSettled: () => cache.invalidateQueries({ queryKey: savedQueriesQuery.queryKey }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fits) {
      send.mutate();
    }
  };
  return (
    <Modal opened onClose={onClose} title={title} centered>
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput
            label={s.name}
            description={note?.(wanted)}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={wanted !== "" && !fits ? s.nameInvalid : undefined}
            data-autofocus
          />
          {send.error && <Trouble error={send.error} title={s.saveFailed} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {settingsStrings.common.cancel}
            </Button>
            <Button type="submit" disabled={!fits} loading={send.isPending}>
              {s.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
