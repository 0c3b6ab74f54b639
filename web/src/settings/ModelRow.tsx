import { Group, Switch, Text } from "@mantine/core";
import type { Model } from "~/api/types";
import { AnchorLink } from "~/shell/links";
import { settingsStrings } from "~/strings/settings";
import { money, short } from "./format";
import { searchProvider } from "./keys/providers";
import classes from "./settings.module.css";
import { Tag } from "./Tag";

const s = settingsStrings.models;

interface Props {
  model: Model;
  chosen: boolean;
  shown: boolean;
  onShow: (shown: boolean) => void;
}

/** One model: what it can do and costs, why it cannot be used, and whether it is in the picker. */
export function ModelRow({ model, chosen, shown, onShow }: Props) {
  const { name, available, capabilities, prices, reason } = model;
  const keyHelps = model.lack === "own_key_needed" || model.lack === "platform_key_missing";
  const can = (["reasoning", "tools", "images", "files"] as const).filter((what) => capabilities[what]);
  const facts = [
    s.context(short(model.contextWindow)),
    prices.input + prices.output > 0 ? s.price(money(prices.input), money(prices.output)) : s.free,
  ];
  return (
    <div className={`${classes.row} ${classes.tight}`}>
      <div className={classes.rowText}>
        <Group gap={6}>
          <span className={classes.rowTitle}>{name}</span>
          {chosen && <Tag>{s.chosen}</Tag>}
          {model.keySource === "own" && <Tag color="teal">{s.ownKey}</Tag>}
          {!available && <Tag color="gray">{s.unavailable}</Tag>}
        </Group>
        <Text size="sm" c="dimmed">
          {model.description}
        </Text>
        {!available && reason && (
          <Text size="sm">
            {reason}{" "}
            {keyHelps && model.provider !== searchProvider && (
              <AnchorLink to="/settings/keys" size="sm" underline="always">
                {s.addKey}
              </AnchorLink>
            )}
          </Text>
        )}
        <Text size="xs" c="dimmed" mt={2}>
          {[can.map((what) => s.capabilities[what]).join(", "), ...facts].filter(Boolean).join(" · ")}
        </Text>
      </div>
      <Switch
        aria-label={s.show(name)}
        checked={shown}
        onChange={(event) => onShow(event.currentTarget.checked)}
      />
    </div>
  );
}
