/** The day of a moment, where the reader is: "November 22, 2026". */
export function calendarDay(when: string): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "long" }).format(new Date(when));
}
