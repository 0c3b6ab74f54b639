import { Button, CopyButton, Group, Modal, Text } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { sqlStrings } from "~/strings/sql";
import { shortType } from "./completion";
import classes from "./sql.module.css";
import { kindOf, spreadOut } from "./values";

const s = sqlStrings;

/** Characters that are drawn: more would be felt. */
const most = 100_000;

interface Props {
  column: { name: string; type: string } | undefined;
  /** Counted from 0. */
  row: number;
  value: unknown;
  onClose: () => void;
}

/** One value in full. */
export function ValueDialog({ column, row, value, onClose }: Props) {
  const type = column?.type ?? "";
  const kind = kindOf(value, type);
  const text = spreadOut(value, type);
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      returnFocus={false}
      title={
        <>
          <span className={classes.valueName}>{column?.name || s.value}</span>{" "}
          <Text span size="sm" c="dimmed">
            {shortType(type)}, {s.row(row + 1)}
          </Text>
        </>
      }
    >
      {kind === "null" || kind === "empty" ? (
        <Text c="dimmed" fs="italic">
          {kind === "null" ? s.null : s.emptyText}
        </Text>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        <pre className={classes.value} tabIndex={0}>
          {text.slice(0, most)}
        </pre>
      )}
      <Group justify="space-between" mt="md">
        <Text size="sm" c="dimmed">
          {text.length > most && s.cut(most)}
        </Text>
        {text !== "" && (
          <CopyButton value={text} timeout={2000}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                size="xs"
                onClick={copy}
                leftSection={
                  copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />
                }
              >
                {copied ? s.copied : s.copy}
              </Button>
            )}
          </CopyButton>
        )}
      </Group>
    </Modal>
  );
}
