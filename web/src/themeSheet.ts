// Mantine would put its variables into a <style> element, which the content security policy forbids. A constructed
// style sheet is a script's doing and allowed, so the policy can do without 'unsafe-inline'.
import {
  type CSSVariablesResolver,
  convertCssVariables,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from "@mantine/core";
import { theme } from "./theme";

/** Where Mantine's own greys are too faint to read at small sizes. */
const legible: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-text": "#1b1c22",
    "--mantine-color-dimmed": "#5d6070",
    "--mantine-color-placeholder": "#70737f",
    "--mantine-color-default-border": "#d5d7e0",
    "--mantine-color-error": "#c92a2a",
  },
  dark: {
    "--mantine-color-dimmed": "#9da0b0",
    "--mantine-color-placeholder": "#85889a",
    "--mantine-color-error": "#ff8787",
  },
});

/** Gives the document the theme's variables. To be called before anything is rendered. */
export function installTheme(): void {
  const merged = mergeMantineTheme(DEFAULT_THEME, theme);
  const base = defaultCssVariablesResolver(merged);
  const own = legible(merged);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    convertCssVariables({
      variables: { ...base.variables, ...own.variables },
      light: { ...base.light, ...own.light },
      dark: { ...base.dark, ...own.dark },
    }),
  );
  document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets];
}
