import type { MantineColorScheme } from "@mantine/core";
import { useId } from "react";

const palettes = {
  light: { back: "#ffffff", side: "#f6f6f9", line: "#d5d7e0", bubble: "#dfe0fc", accent: "#5a5fe0" },
  dark: { back: "#17181c", side: "#121317", line: "#3f424f", bubble: "#2a2c3d", accent: "#6066e0" },
};

/** A small picture of the app in a theme; the system's is half one, half the other. */
export function ThemePicture({ theme }: { theme: MantineColorScheme }) {
  const clip = useId();
  return (
    <svg viewBox="0 0 120 76" aria-hidden="true">
      <Window palette={theme === "dark" ? palettes.dark : palettes.light} />
      {theme === "auto" && (
        <>
          <clipPath id={clip}>
            <path d="M76 0h44v76H44z" />
          </clipPath>
          <g clipPath={`url(#${clip})`}>
            <Window palette={palettes.dark} />
          </g>
        </>
      )}
    </svg>
  );
}

function Window({ palette: { back, side, line, bubble, accent } }: { palette: typeof palettes.light }) {
  return (
    <>
      <rect width="120" height="76" fill={back} />
      <rect width="32" height="76" fill={side} />
      <rect x="6" y="9" width="20" height="4" rx="2" fill={accent} />
      <rect x="6" y="20" width="16" height="3" rx="1.5" fill={line} />
      <rect x="6" y="27" width="19" height="3" rx="1.5" fill={line} />
      <rect x="6" y="34" width="13" height="3" rx="1.5" fill={line} />
      <rect x="76" y="10" width="36" height="11" rx="5" fill={bubble} />
      <rect x="42" y="29" width="58" height="3" rx="1.5" fill={line} />
      <rect x="42" y="36" width="64" height="3" rx="1.5" fill={line} />
      <rect x="42" y="43" width="40" height="3" rx="1.5" fill={line} />
      <rect x="42" y="58" width="70" height="11" rx="5.5" fill="none" stroke={line} />
      <circle cx="106" cy="63.5" r="3" fill={accent} />
    </>
  );
}
