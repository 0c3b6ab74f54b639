import { createTheme, type MantineColorsTuple } from "@mantine/core";
import { strings } from "./strings";

const indigo: MantineColorsTuple = [
  "#f0f0ff",
  "#dfe0fc",
  "#bdbff3",
  "#989cec",
  "#797ee5",
  "#6066e0",
  "#5a5fe0",
  "#4a4fc8",
  "#4146b3",
  "#363b9f",
];

/** Greys with a trace of blue, a little deeper than Mantine's own. */
const dark: MantineColorsTuple = [
  "#d5d7e0",
  "#acaebf",
  "#8c8fa3",
  "#666980",
  "#3f424f",
  "#2f313b",
  "#24262e",
  "#17181c",
  "#121317",
  "#0c0d10",
];

/** Where menus and tooltips are put: within a landmark, so that screen readers can tell what they belong to. */
export const overlaysId = "overlays";
const overlays = { target: `#${overlaysId}` };

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: { light: 6, dark: 5 },
  colors: { indigo, dark },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif, "Noto Color Emoji"',
  fontFamilyMonospace:
    'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "Noto Sans Mono", monospace',
  headings: { fontWeight: "650" },
  // By name, so that the components themselves are loaded only where they are used.
  components: {
    // Nothing behind a dialog scrolls here, and the lock would be an inline style element.
    Modal: {
      defaultProps: {
        lockScroll: false,
        closeButtonProps: { "aria-label": strings.problems.close },
        // To screen readers it would be one more banner of the page.
        attributes: { header: { role: "presentation" } },
      },
    },
    // Something that takes the focus and is no item does not belong into a menu.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false, portalProps: overlays } },
    Tooltip: { defaultProps: { portalProps: overlays } },
    Notification: {
      defaultProps: { closeButtonProps: { "aria-label": strings.problems.dismiss } },
    },
  },
});
