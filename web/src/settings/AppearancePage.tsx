import { type MantineColorScheme, SegmentedControl, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useState } from "react";
import { appearance, setAppearance, type TextSize, textSizes, type Width, widths } from "~/appearance";
import { settingsStrings } from "~/strings/settings";
import { Section } from "./Section";
import { SettingsPage } from "./SettingsPage";
import classes from "./settings.module.css";
import { ThemePicture } from "./ThemePicture";

const s = settingsStrings.appearance;
const themes: MantineColorScheme[] = ["auto", "light", "dark"];

/** Theme, size of the text and width of conversations; kept in this browser. */
export function AppearancePage() {
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const [size, setSize] = useState(() => appearance("textSize"));
  const [width, setWidth] = useState(() => appearance("width"));

  return (
    <SettingsPage title={settingsStrings.nav.appearance} lead={s.lead}>
      <Section title={s.theme} bare>
        <div className={classes.choices} role="radiogroup" aria-label={s.theme}>
          {themes.map((theme) => (
            <label key={theme} className={classes.choice}>
              <input
                type="radio"
                name="theme"
                value={theme}
                checked={colorScheme === theme}
                onChange={() => setColorScheme(theme)}
              />
              <ThemePicture theme={theme} />
              <span className={classes.choiceName}>{s.themes[theme]}</span>
            </label>
          ))}
        </div>
      </Section>
      <Section title={s.size} bare>
        <Stack gap="sm">
          <SegmentedControl
            fullWidth
            aria-label={s.size}
            value={size}
            onChange={(value) => {
              setSize(value as TextSize);
              setAppearance("textSize", value as TextSize);
            }}
            data={textSizes.map((value) => ({ value, label: s.sizes[value] }))}
          />
          <figure className={classes.card} aria-label={s.sample}>
            <div className={classes.pad}>
              <p className={classes.question}>{s.sampleQuestion}</p>
              <Text>{s.sampleAnswer}</Text>
            </div>
          </figure>
        </Stack>
      </Section>
      <Section title={s.width} description={s.widthHelp} bare>
        <SegmentedControl
          fullWidth
          aria-label={s.width}
          value={width}
          onChange={(value) => {
            setWidth(value as Width);
            setAppearance("width", value as Width);
          }}
          data={widths.map((value) => ({ value, label: s.widths[value] }))}
        />
      </Section>
    </SettingsPage>
  );
}
