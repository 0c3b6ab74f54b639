import { Button, Menu, Text } from "@mantine/core";
import { IconBrain, IconCheck, IconChevronDown, IconKey } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Model } from "~/api/types";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import type { Choice } from "./useModelChoice";

const s = strings.models;

/** Picks the model that answers. Those that cannot be used come last, and say why. */
export function ModelPicker({ choice }: { choice: Choice }) {
  const { models = [], model, pick } = choice;
  const label = choice.models === undefined ? s.loading : (model?.name ?? s.none);
  const lacking = models.filter(({ available, lack }) => !available && lack !== "disabled");
  const keyHelps = lacking.some(({ lack }) => lack !== "provider_not_configured");
  return (
    <Menu position="top-start" width={320} withinPortal>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          className={classes.pick}
          rightSection={<IconChevronDown size={14} />}
          aria-label={`${s.pick}: ${label}`}
        >
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.models}>
          {models
            .filter(({ available }) => available)
            .map((m) => (
              <Menu.Item
                key={m.id}
                className={classes.model}
                onClick={() => pick(m)}
                rightSection={m.id === model?.id ? <IconCheck size={16} /> : undefined}
                aria-current={m.id === model?.id || undefined}
              >
                <Names model={m} note={m.description} />
              </Menu.Item>
            ))}
          {lacking.length > 0 && (
            <>
              <Menu.Divider />
              <Menu.Label>{s.unavailable}</Menu.Label>
              {lacking.map((m) => (
                <Menu.Item key={m.id} disabled className={classes.model}>
                  <Names model={m} note={m.reason} />
                </Menu.Item>
              ))}
            </>
          )}
        </div>
        {keyHelps && (
          <>
            <Menu.Divider />
            <Menu.Item component={Link} to="/settings/keys" leftSection={<IconKey size={16} />}>
              {s.addKey}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function Names({ model, note }: { model: Model; note: string | undefined }) {
  return (
    <>
      <Text size="sm" fw={500} c={model.available ? undefined : "dimmed"}>
        {model.name}
      </Text>
      <Text size="xs" c="dimmed">
        {note}
      </Text>
    </>
  );
}

/** How much the model thinks before it answers, where it can be told. */
export function EffortPicker({ choice }: { choice: Choice }) {
  const { model, effort, pickEffort } = choice;
  const efforts = model?.efforts ?? [];
  if (efforts.length === 0) {
    return null;
  }
  const name = (value: string | undefined) => (value ? (s.efforts[value] ?? value) : s.effortAuto);
  return (
    <Menu position="top-start" withinPortal>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          className={classes.pick}
          leftSection={<IconBrain size={15} />}
          aria-label={`${s.effort}: ${name(effort)}`}
        >
          {name(effort)}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{s.effort}</Menu.Label>
        {[undefined, ...efforts].map((value) => (
          <Menu.Item
            key={value ?? ""}
            onClick={() => pickEffort(value)}
            rightSection={value === effort ? <IconCheck size={16} /> : undefined}
            aria-current={value === effort || undefined}
          >
            {name(value)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
