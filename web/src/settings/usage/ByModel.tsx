import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { cssColor } from "./colors";
import type { ModelTotals } from "./summary";

interface Props {
  /** The most used first. */
  models: ModelTotals[];
  /** Those with a colour of their own in the chart. */
  series: string[];
  nameOf: (model: string) => string;
  of: (model: ModelTotals) => number;
  write: (amount: number) => string;
}

/** The models one below the other, as long as their share. */
export function ByModel({ models, series, nameOf, of, write }: Props) {
  const most = Math.max(1, ...models.map(of));
  return (
    <ul className={classes.bars}>
      {models.map((model) => {
        const rank = series.indexOf(model.model);
        return (
          <li key={model.model} className={classes.bar}>
            <span>
              {nameOf(model.model)} {model.own && <Tag color="gray">{settingsStrings.usage.ownKey}</Tag>}
            </span>
            <span>{write(of(model))}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
              <rect
                width={(of(model) / most) * 100}
                height="4"
                fill={cssColor(rank < 0 ? Number.POSITIVE_INFINITY : rank)}
              />
            </svg>
          </li>
        );
      })}
    </ul>
  );
}
