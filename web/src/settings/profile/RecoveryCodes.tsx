import { Button, CopyButton, Group, Stack, Text } from "@mantine/core";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";

const s = settingsStrings.secondFactor;

interface Props {
  codes: string[];
  /** They do not count before they are confirmed. */
  fresh: boolean;
  busy: boolean;
  email: string;
  onConfirm: () => void;
  onHide: () => void;
}

/** The recovery codes, to be stored elsewhere. */
export function RecoveryCodes({ codes, fresh, busy, email, onConfirm, onHide }: Props) {
  const text = `${s.fileHeader(email)}\n\n${codes.join("\n")}\n`;
  const download = () => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = s.file;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Stack gap="sm" className={classes.pad} role="group" aria-label={s.codesTitle}>
      <div>
        <div className={classes.rowTitle}>{s.codesTitle}</div>
        <Text size="sm" c="dimmed">
          {s.codesText}
        </Text>
      </div>
      <ul className={classes.codes}>
        {codes.map((code) => (
          <li key={code} className={classes.mono}>
            {code}
          </li>
        ))}
      </ul>
      <Group gap="xs">
        {fresh ? (
          <Button size="sm" loading={busy} onClick={onConfirm}>
            {s.confirm}
          </Button>
        ) : (
          <Button size="sm" variant="default" onClick={onHide}>
            {settingsStrings.common.close}
          </Button>
        )}
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button size="sm" variant="default" onClick={copy}>
              {copied ? settingsStrings.common.copied : s.copyCodes}
            </Button>
          )}
        </CopyButton>
        <Button size="sm" variant="default" onClick={download}>
          {s.download}
        </Button>
      </Group>
    </Stack>
  );
}
