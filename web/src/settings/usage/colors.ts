/** Colours of the models in charts, by rank; what is beyond them is grey. Told apart in both themes. */
export const colors = ["indigo.5", "teal.6", "orange.5", "grape.5", "cyan.6"] as const;

/** The colour at a rank, as the value of a CSS property. */
export function cssColor(rank: number): string {
  const [name, shade] = (colors[rank] ?? "gray.5").split(".");
  return `var(--mantine-color-${name}-${shade})`;
}
