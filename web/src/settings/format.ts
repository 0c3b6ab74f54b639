// Numbers, times and money in the app's language.

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** How long ago a moment was, in words: "5 minutes ago". */
export function ago(when: string, now = Date.now()): string {
  const seconds = (new Date(when).getTime() - now) / 1000;
  const [unit, length] = steps.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return Math.abs(seconds) < 60 ? "just now" : relative.format(Math.trunc(seconds / length), unit);
}

/** A moment to come, as short as it can be said: the weekday and the time, or the date. */
export function moment(when: string): string {
  const date = new Date(when);
  const near = date.getTime() - Date.now() < 6 * 86_400_000;
  return new Intl.DateTimeFormat("en", {
    ...(near ? { weekday: "short", hour: "numeric", minute: "2-digit" } : { month: "long", day: "numeric" }),
  }).format(date);
}

/** A UTC day (2026-11-22) as people write it: "Nov 22". */
export function shortDay(day: string): string {
  return new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" }).format(
    new Date(`${day}T00:00:00Z`),
  );
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A number, shortened when it is long: 12,345 becomes 12.3K. */
export function short(n: number): string {
  return n < 10_000 ? n.toLocaleString("en") : compact.format(n);
}

/** Micro-dollars as an amount. Small amounts keep the digits that tell them from nothing. */
export function money(micros: number): string {
  const dollars = micros / 1e6;
  const digits = dollars === 0 || dollars >= 1 ? 2 : dollars >= 0.01 ? 3 : 5;
  return new Intl.NumberFormat("en", {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(dollars);
}
