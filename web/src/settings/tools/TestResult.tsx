import { Alert, Group, Text } from "@mantine/core";
import type { UseMutationResult } from "@tanstack/react-query";
import type { McpTest } from "~/api/types";
import { settingsStrings } from "~/strings/settings";
import classes from "../settings.module.css";
import { Tag } from "../Tag";
import { Trouble } from "../Trouble";

const s = settingsStrings.tools;

interface Props {
  name: string;
  test: Pick<UseMutationResult<McpTest, unknown, void>, "data" | "error" | "isError" | "isPending" | "reset">;
}

/** What a test found: the tools, or why there are none. Read out when it is there. */
export function TestResult({ name, test }: Props) {
  return (
    <div role="status" aria-live="polite">
      {test.isPending && (
        <Text size="sm" c="dimmed" mt="xs">
          {s.testing}
        </Text>
      )}
      {test.isError && <Trouble error={test.error} />}
      {test.data && <Found name={name} found={test.data} onClose={test.reset} />}
    </div>
  );
}

function Found({ name, found, onClose }: { name: string; found: McpTest; onClose: () => void }) {
  const { ok, reason, tools, notices } = found;
  const title = ok ? s.testOk(tools.length) : name;
  return (
    <Alert
      color={ok ? "teal" : "orange"}
      variant="light"
      mt="sm"
      title={title}
      withCloseButton
      closeButtonLabel={s.hideResult}
      onClose={onClose}
      className={classes.result}
    >
      {!ok && s.testFailed(reason ?? "")}
      {ok && tools.length === 0 && s.noTools}
      {tools.length > 0 && (
        <ul className={classes.tools} aria-label={s.testOk(tools.length)}>
          {tools.map((tool) => (
            <li key={tool.name}>
              <Group gap={6}>
                <Text size="sm" fw={550} component="span">
                  {tool.title || tool.name}
                </Text>
                {tool.readOnly && <Tag>{s.readOnly}</Tag>}
              </Group>
              {tool.description && (
                <Text size="sm" lineClamp={3}>
                  {tool.description}
                </Text>
              )}
            </li>
          ))}
        </ul>
      )}
      {notices.map((notice) => (
        <Text key={notice} size="sm" mt={4}>
          {notice}
        </Text>
      ))}
    </Alert>
  );
}
