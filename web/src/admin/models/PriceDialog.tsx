import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { AdminModel, Prices } from "~/api/adminModels";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import { readDollars, typedDollars } from "../limits";

const s = adminStrings.models;
const kinds = ["input", "cachedInput", "output"] as const;

interface Props {
  model: AdminModel;
  onClose: () => void;
  /** Null: the listed ones. */
  onPrices: (prices: Prices | null) => void;
}

/** What a model costs, in dollars for a million tokens. */
export function PriceDialog({ model, onClose, onPrices }: Props) {
  const [texts, setTexts] = useState({
    input: typedDollars(model.prices.input),
    cachedInput: typedDollars(model.prices.cachedInput),
    output: typedDollars(model.prices.output),
  });
  const [checked, setChecked] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    const [input, cachedInput, output] = kinds.map((kind) => readDollars(texts[kind]));
    if (input !== undefined && cachedInput !== undefined && output !== undefined) {
      onPrices({ input, cachedInput, output });
    }
  };
  return (
    <Modal opened onClose={onClose} title={s.prices(model.name)} centered>
      <form onSubmit={submit} noValidate>
        <Stack>
          {kinds.map((kind, i) => (
            <TextInput
              key={kind}
              label={s[kind]}
              description={s.listed(`$${typedDollars(model.listedPrices[kind])}`)}
              leftSection="$"
              inputMode="decimal"
              autoComplete="off"
              value={texts[kind]}
              onChange={(event) => setTexts({ ...texts, [kind]: event.currentTarget.value })}
              error={checked && readDollars(texts[kind]) === undefined ? s.invalidPrice : undefined}
              data-autofocus={i === 0 || undefined}
            />
          ))}
          <Group justify="space-between">
            <Button variant="subtle" onClick={() => onPrices(null)}>
              {s.useListed}
            </Button>
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {settingsStrings.common.cancel}
              </Button>
              <Button type="submit">{settingsStrings.common.save}</Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
