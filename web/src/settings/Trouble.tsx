import { Alert, Button, Stack, Text } from "@mantine/core";
import { Problem } from "~/api/problem";
import { strings } from "~/strings";
import { settingsStrings } from "~/strings/settings";

const s = settingsStrings.problems;

/** A failure in words: no connection, too many requests, a service that is away, and everything else. */
export function describe(error: unknown): { title: string; text: string; color: string; reference?: string } {
  const problem =
    error instanceof Problem ? error : new Problem({ code: "unknown", ...strings.problems.unknown });
  const reference = problem.requestId;
  if (problem.code === "offline") {
    return { title: s.offlineTitle, text: s.offline, color: "gray" };
  }
  if (problem.status === 429) {
    const text = problem.retryAfter ? s.wait(problem.retryAfter) : problem.detail;
    return { title: s.waitTitle, text, color: "orange" };
  }
  if (problem.status === 503) {
    return { title: s.busyTitle, text: s.busy, color: "orange", reference };
  }
  const fields = problem.fields.map(({ path, message }) => `${path} ${message}`).join("; ");
  return { title: problem.title, text: fields || problem.detail, color: "red", reference };
}

interface Props {
  error: unknown;
  /** Instead of the problem's own title. */
  title?: string;
  onRetry?: () => void;
}

/** Shows a failure where it happened. */
export function Trouble({ error, title, onRetry }: Props) {
  const { title: own, text, color, reference } = describe(error);
  return (
    <Alert color={color} title={title ?? own} role="alert">
      <Stack gap="xs" align="flex-start">
        {text}
        {reference && (
          <Text size="xs" component="span">
            {strings.problems.reference(reference)}
          </Text>
        )}
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {strings.problems.tryAgain}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
