import { Button, NativeSelect, Switch, Table, Text, TextInput, VisuallyHidden } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type AdminModel,
  adminModelsQuery,
  changeModel,
  type ModelWish,
  type Prices,
} from "~/api/adminModels";
import { modelsQuery } from "~/api/models";
import { Loaded } from "~/settings/Loaded";
import { failed, succeeded } from "~/settings/notices";
import settings from "~/settings/settings.module.css";
import { Tag } from "~/settings/Tag";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { typedDollars } from "../limits";
import { PriceDialog } from "./PriceDialog";

const s = adminStrings.models;

/** What is set of a model now, to change one thing of. */
function wishOf({ id, enabled, isDefault, prices, listedPrices }: AdminModel): ModelWish {
  const own = samePrices(prices, listedPrices) ? null : prices;
  return { id, enabled, isDefault, prices: own };
}

function samePrices(a: Prices, b: Prices): boolean {
  return a.input === b.input && a.cachedInput === b.cachedInput && a.output === b.output;
}

/** All models of the server: which are offered, which is the default, what they cost. */
export function ModelsPage() {
  const query = useQuery(adminModelsQuery);
  const cache = useQueryClient();
  const [filter, setFilter] = useState("");
  const save = useMutation({
    mutationFn: ({ wish }: { wish: ModelWish; name: string }) => changeModel(wish),
    onSuccess: (_, { name }) => succeeded(s.saved(name)),
    onError: (error) => failed(s.failed, error),
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: adminModelsQuery.queryKey }),
        cache.invalidateQueries({ queryKey: modelsQuery.queryKey }),
      ]),
  });
  const words = filter.toLowerCase().trim();
  return (
    <AdminPage title={adminStrings.nav.models} lead={s.lead}>
      <Loaded query={query} lines={8}>
        {(models) => {
          const shown = models.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(words));
          const standard = models.find(({ isDefault }) => isDefault);
          const change = (model: AdminModel, to: Partial<ModelWish>) =>
            save.mutate({ wish: { ...wishOf(model), ...to }, name: model.name });
          return (
            <>
              <div className={classes.fields}>
                <NativeSelect
                  label={s.isDefault}
                  value={standard?.id ?? ""}
                  disabled={save.isPending}
                  onChange={(event) => {
                    const picked = models.find(({ id }) => id === event.currentTarget.value);
                    if (picked) {
                      change(picked, { isDefault: true });
                    } else if (standard) {
                      change(standard, { isDefault: false });
                    }
                  }}
                  data={[
                    { value: "", label: s.noDefault },
                    ...models
                      .filter(({ enabled }) => enabled)
                      .map(({ id, name }) => ({ value: id, label: `${name} (${id})` })),
                  ]}
                />
                <TextInput
                  label={s.filter}
                  type="search"
                  autoComplete="off"
                  value={filter}
                  onChange={(event) => setFilter(event.currentTarget.value)}
                />
              </div>
              {shown.length === 0 ? (
                <Text c="dimmed" role="status">
                  {s.empty}
                </Text>
              ) : (
                <div className={settings.card}>
                  <ModelTable models={shown} busy={save.isPending} onChange={change} />
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </AdminPage>
  );
}

interface TableProps {
  models: AdminModel[];
  busy: boolean;
  onChange: (model: AdminModel, to: Partial<ModelWish>) => void;
}

function ModelTable({ models, busy, onChange }: TableProps) {
  const [pricing, setPricing] = useState<AdminModel>();
  return (
    <Table.ScrollContainer
      className={classes.table}
      minWidth={0}
      type="native"
      tabIndex={0}
      role="region"
      aria-label={adminStrings.common.tableOf(adminStrings.nav.models)}
    >
      <Table fz="sm" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{s.model}</Table.Th>
            <Table.Th>{s.enabled}</Table.Th>
            <Table.Th ta="end">{s.input}</Table.Th>
            <Table.Th ta="end">{s.cachedInput}</Table.Th>
            <Table.Th ta="end">{s.output}</Table.Th>
            <Table.Th>
              <VisuallyHidden>{s.change}</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {models.map((model) => (
            <Table.Tr key={model.id}>
              <Table.Td className={classes.modelName}>
                {model.name} {model.isDefault && <Tag color="indigo">{s.isDefault}</Tag>}{" "}
                {model.changed && <Tag>{s.changed}</Tag>}
                <div className={classes.mono}>{model.id}</div>
              </Table.Td>
              <Table.Td>
                <Switch
                  aria-label={s.enable(model.name)}
                  checked={model.enabled}
                  disabled={busy}
                  onChange={(event) =>
                    onChange(model, {
                      enabled: event.currentTarget.checked,
                      isDefault: event.currentTarget.checked && model.isDefault,
                    })
                  }
                />
              </Table.Td>
              {(["input", "cachedInput", "output"] as const).map((key) => (
                <Table.Td
                  key={key}
                  ta="end"
                  className={classes.price}
                  title={s.listed(`$${typedDollars(model.listedPrices[key])}`)}
                >
                  ${typedDollars(model.prices[key])}
                </Table.Td>
              ))}
              <Table.Td ta="end">
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={s.editPrices(model.name)}
                  disabled={busy}
                  onClick={() => setPricing(model)}
                >
                  {s.change}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {pricing && (
        <PriceDialog
          model={pricing}
          onClose={() => setPricing(undefined)}
          onPrices={(prices) => {
            setPricing(undefined);
            onChange(pricing, { prices });
          }}
        />
      )}
    </Table.ScrollContainer>
  );
}
