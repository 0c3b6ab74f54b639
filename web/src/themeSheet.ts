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

/** Where Mantine's own colours are too faint to read at small sizes, or too loud. */
const legible: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-text": "#1b1c22",
    "--mantine-color-dimmed": "#5d6070",
    "--mantine-color-placeholder": "#70737f",
    "--mantine-color-default-border": "#d5d7e0",
    "--mantine-color-error": "#c92a2a",
    "--mantine-color-teal-light": "#e3f8f0",
    "--mantine-color-teal-light-color": "#06694b",
    "--mantine-color-orange-light": "#fff1e0",
    "--mantine-color-orange-light-color": "#a63a00",
    "--mantine-color-red-light": "#ffecec",
    "--mantine-color-red-light-hover": "#ffdede",
    "--mantine-color-red-light-color": "#a51f1f",
    "--mantine-color-red-filled": "#d22f2f",
    "--mantine-color-red-filled-hover": "#b92727",
  },
  dark: {
    "--mantine-color-dimmed": "#9da0b0",
    "--mantine-color-placeholder": "#85889a",
    "--mantine-color-error": "#ff8787",
    // Mantine's own are so deep that a notice is the loudest thing on the page.
    "--mantine-color-red-light": "rgb(250 82 82 / 15%)",
    "--mantine-color-red-light-hover": "rgb(250 82 82 / 22%)",
    "--mantine-color-red-light-color": "#ff9c9c",
    "--mantine-color-orange-light": "rgb(253 126 20 / 14%)",
    "--mantine-color-orange-light-color": "#ffb46b",
    "--mantine-color-teal-light": "rgb(18 184 134 / 14%)",
    "--mantine-color-teal-light-color": "#63e6be",
    "--mantine-color-blue-light": "rgb(34 139 230 / 16%)",
    "--mantine-color-blue-light-color": "#8cc8ff",
    "--mantine-color-red-filled": "#c92a2a",
    "--mantine-color-red-filled-hover": "#b32424",
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
