const dateTime = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** A moment in the reader's zone: Nov 22, 2026, 6:55 PM. */
export function writeMoment(when: string): string {
  return dateTime.format(new Date(when));
}

/** The date of a moment in the reader's zone. */
export function writeDate(when: string): string {
  return dateOnly.format(new Date(when));
}

/** A moment as a field of type datetime-local holds it, in the reader's zone. */
export function toField(when: string | null): string {
  if (when === null) {
    return "";
  }
  const date = new Date(when);
  const two = (n: number) => String(n).padStart(2, "0");
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}` +
    `T${two(date.getHours())}:${two(date.getMinutes())}`
  );
}

/** What such a field holds as a moment; null where it is empty. */
export function fromField(text: string): string | null {
  return text === "" ? null : new Date(text).toISOString();
}
