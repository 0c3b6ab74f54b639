// Limits as they are typed and read, and as the server has them.
import type { PlanLimits } from "~/api/admin";
import { readableSize } from "~/chat/attachments";
import { money, short } from "~/settings/format";
import { adminStrings } from "~/strings/admin";

const s = adminStrings.limits;

/** Limits that are numbers, in the order of forms. */
export const numbers = [
  "messagesPerDay",
  "messagesPerMonth",
  "costPerDayMicroUsd",
  "tokensPerMinute",
  "storageBytes",
] as const;
export type NumberLimit = (typeof numbers)[number];

/** What stands in a form: texts as they are typed, and models or null for no list. */
export type LimitsForm = Record<NumberLimit, string> & { models: string[] | null };

export const noLimits: PlanLimits = {
  messagesPerDay: null,
  messagesPerMonth: null,
  costPerDayMicroUsd: null,
  tokensPerMinute: null,
  storageBytes: null,
  models: null,
};

const mebibyte = 1024 * 1024;
/** Of one unit of a form in the server's. */
const units: Record<NumberLimit, number> = {
  messagesPerDay: 1,
  messagesPerMonth: 1,
  costPerDayMicroUsd: 1_000_000,
  tokensPerMinute: 1,
  storageBytes: mebibyte,
};
/** What the database's column holds. */
const most: Record<NumberLimit, number> = {
  messagesPerDay: 2 ** 31 - 1,
  messagesPerMonth: 2 ** 31 - 1,
  costPerDayMicroUsd: 1e15,
  tokensPerMinute: 1e15,
  storageBytes: 1e15,
};
const complaint: Record<NumberLimit, string> = {
  messagesPerDay: s.whole,
  messagesPerMonth: s.whole,
  costPerDayMicroUsd: s.amount,
  tokensPerMinute: s.positive,
  storageBytes: s.size,
};

/** A number of a form's unit, without digits that say nothing. */
function typed(value: number, unit: number): string {
  return String(Math.round((value / unit) * 1e6) / 1e6);
}

export function formOf(limits: PlanLimits): LimitsForm {
  const form = { models: limits.models } as LimitsForm;
  for (const key of numbers) {
    const value = limits[key];
    form[key] = value === null ? "" : typed(value, units[key]);
  }
  return form;
}

/** A number as people type it, of which there are so many in a unit; undefined if it is none. Commas separate thousands. */
export function readNumber(text: string, unit = 1): number | undefined {
  const plain = text
    .trim()
    .replace(/^\$\s*/, "")
    .replaceAll(/,(?=\d{3}(?!\d))/g, "");
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(plain)) {
    return undefined;
  }
  const value = Math.round(Number(plain) * unit);
  return unit === 1 && !/^\d+$/.test(plain) ? undefined : value;
}

export type Complaints = Partial<Record<NumberLimit, string>>;

/** Limits as they were typed, or what is wrong with them, by field. */
export function limitsOf(form: LimitsForm): { limits: PlanLimits } | { complaints: Complaints } {
  const limits: PlanLimits = { ...noLimits, models: form.models };
  const complaints: Complaints = {};
  for (const key of numbers) {
    if (form[key].trim() === "") {
      continue;
    }
    const value = readNumber(form[key], units[key]);
    if (value === undefined || value > most[key] || (key === "tokensPerMinute" && value === 0)) {
      complaints[key] = complaint[key];
    } else {
      limits[key] = value;
    }
  }
  return Object.keys(complaints).length > 0 ? { complaints } : { limits };
}

/** A limit in words. */
export function told(key: NumberLimit, value: number | null, none: string = s.unlimited): string {
  if (value === null) {
    return none;
  }
  switch (key) {
    case "costPerDayMicroUsd":
      return money(value);
    case "storageBytes":
      return readableSize(value);
    default:
      return short(value);
  }
}

/** An amount in dollars, as typed, in micro-dollars; undefined if it is none. */
export function readDollars(text: string): number | undefined {
  return readNumber(text, 1_000_000);
}

/** Micro-dollars as they are typed. */
export function typedDollars(micros: number): string {
  return typed(micros, 1_000_000);
}
