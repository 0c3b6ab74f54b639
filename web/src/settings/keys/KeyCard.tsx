import { Alert, Anchor, Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKey, IconKeyOff } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteKey, keysQuery, storeKey, testKey } from "~/api/keys";
import { modelsQuery } from "~/api/models";
import { Problem } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import type { OwnKey } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import { ConfirmDialog } from "../ConfirmDialog";
import { ago } from "../format";
import { failed, succeeded } from "../notices";
import { Row } from "../Section";
import classes from "../settings.module.css";
import { describe } from "../Trouble";
import { useReturnFocus } from "../useReturnFocus";
import { KeyForm } from "./KeyForm";
import type { Provider } from "./providers";

const s = settingsStrings.keys;

interface Result {
  color: "teal" | "orange" | "red" | "gray";
  text: string;
}

/** The key of one provider: whether there is one, and adding, testing, replacing and removing it. */
export function KeyCard({ provider, stored }: { provider: Provider; stored?: OwnKey }) {
  const { id, name, page } = provider;
  const cache = useQueryClient();
  const [editing, edit] = useDisclosure();
  const [removing, remove] = useDisclosure();
  const [result, setResult] = useState<Result>();
  const opener = useReturnFocus(editing);

  const refresh = () => {
    void cache.invalidateQueries({ queryKey: keysQuery.queryKey });
    // Which models can be used, and on whose account, depends on the keys.
    void cache.invalidateQueries({ queryKey: modelsQuery.queryKey });
  };
  const store = useMutation({
    // The key travels past the cache of mutations, which would keep it.
    mutationFn: (take: () => string) => storeKey(id, take()),
    onMutate: () => setResult(undefined),
    onSuccess: ({ unchecked }) => {
      setResult(
        unchecked
          ? { color: "orange", text: s.storedUnchecked(name) }
          : { color: "teal", text: s.storedChecked(name) },
      );
      edit.close();
      refresh();
    },
    onError: (error) => {
      noteFailure(error);
      const refused = error instanceof Problem && error.code === "provider_auth";
      setResult({
        color: "red",
        text: refused ? s.refused(name) : `${describe(error).title}. ${s.pasteAgain}`,
      });
    },
  });
  const test = useMutation({
    mutationFn: () => testKey(id),
    onMutate: () => setResult(undefined),
    onSuccess: () => setResult({ color: "teal", text: s.works(name) }),
    onError: (error) => {
      noteFailure(error);
      setResult(testFailure(error, name));
    },
  });
  const drop = useMutation({
    mutationFn: () => deleteKey(id),
    onMutate: () => setResult(undefined),
    onSuccess: () => {
      succeeded(s.removed(name));
      refresh();
    },
    onError: (error) => failed(settingsStrings.common.changeFailed, error),
  });

  return (
    <div>
      <Row
        icon={stored ? <IconKey size={20} aria-hidden /> : <IconKeyOff size={20} aria-hidden />}
        title={name}
        control={
          !editing && (
            <>
              {stored?.readable && (
                <Button
                  size="xs"
                  variant="default"
                  loading={test.isPending}
                  aria-label={s.testFor(name)}
                  onClick={() => test.mutate()}
                >
                  {settingsStrings.common.test}
                </Button>
              )}
              <Button
                ref={opener}
                size="xs"
                variant="default"
                aria-label={(stored ? s.replaceFor : s.addFor)(name)}
                onClick={() => {
                  setResult(undefined);
                  edit.open();
                }}
              >
                {stored ? s.replace : s.add}
              </Button>
              {stored && (
                <Button
                  size="xs"
                  variant="subtle"
                  color="red"
                  loading={drop.isPending}
                  aria-label={s.removeFor(name)}
                  onClick={remove.open}
                >
                  {settingsStrings.common.remove}
                </Button>
              )}
            </>
          )
        }
      >
        {stored ? about(stored) : s.none}
        {!stored && page && (
          <>
            {" · "}
            <Anchor href={page} target="_blank" rel="noopener noreferrer" size="sm" underline="always">
              {s.get}
            </Anchor>
          </>
        )}
      </Row>
      {stored && !stored.readable && (
        <Alert color="orange" mb="sm">
          {s.unreadable}
        </Alert>
      )}
      {editing && (
        <KeyForm
          label={s.label(name)}
          busy={store.isPending}
          onKey={(key) => {
            let held = key;
            store.mutate(() => {
              const once = held;
              held = "";
              return once;
            });
          }}
          onCancel={() => {
            edit.close();
            setResult(undefined);
          }}
        />
      )}
      <div role="status" aria-live="polite">
        {result && (
          <Alert color={result.color} mb="sm" variant="light" className={classes.result}>
            {result.text}
          </Alert>
        )}
      </div>
      <ConfirmDialog
        opened={removing}
        onClose={remove.close}
        title={s.removeTitle(name)}
        action={settingsStrings.common.remove}
        onConfirm={() => drop.mutate()}
      >
        {s.removeText}
      </ConfirmDialog>
    </div>
  );
}

function about({ lastFour, createdAt, lastUsedAt }: OwnKey): string {
  const used = lastUsedAt ? s.used(ago(lastUsedAt)) : s.unused;
  return `${s.stored(lastFour)}, ${s.added(ago(createdAt))}, ${used}`;
}

function testFailure(error: unknown, name: string): Result {
  const code = error instanceof Problem ? error.code : "";
  if (code === "provider_auth") {
    return { color: "red", text: s.refusedStored(name) };
  }
  if (code === "secret_unreadable") {
    return { color: "orange", text: s.unreadable };
  }
  if (code.startsWith("provider_")) {
    return { color: "orange", text: s.notAsked(name) };
  }
  const { title, text, color } = describe(error);
  return { color: color as Result["color"], text: `${title}. ${text}` };
}
