import { Button, Menu, Text } from "@mantine/core";
import { IconBrain, IconCheck, IconChevronDown } from "@tabler/icons-react";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import type { Choice } from "./useModelChoice";

const s = strings.models;

/** Picks the model that answers. Those that cannot be used say why. */
export function ModelPicker({ choice }: { choice: Choice }) {
  const { models, model, pick } = choice;
  const label = models === undefined ? s.loading : (model?.name ?? s.none);
  return (
    <Menu position="top-start" width={300} withinPortal>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          rightSection={<IconChevronDown size={14} />}
          aria-label={`${s.pick}: ${label}`}
        >
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah="60vh" style={{ overflowY: "auto" }}>
        {models?.map((m) => (
          <Menu.Item
            key={m.id}
            disabled={!m.available}
            className={classes.model}
            onClick={() => pick(m)}
            rightSection={m.id === model?.id ? <IconCheck size={16} /> : undefined}
          >
            <Text size="sm" fw={500} c={m.available ? undefined : "dimmed"}>
              {m.name}
            </Text>
            <Text size="xs" c="dimmed">
              {m.available ? m.description : (m.reason ?? s.unavailable)}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
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
          >
            {name(value)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
