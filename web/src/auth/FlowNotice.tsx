import { Alert, Button, Stack } from "@mantine/core";
import type { Problem } from "~/api/problem";
import { strings } from "~/strings";

interface Props {
  problem?: Problem;
  renewed: boolean;
  /** Given when there is no form to send again. */
  onRetry?: () => void;
}

/** What went wrong outside the form's own fields. */
export function FlowNotice({ problem, renewed, onRetry }: Props) {
  if (!problem && !renewed) {
    return null;
  }
  if (!problem) {
    return <Alert color="blue">{strings.auth.renewed}</Alert>;
  }
  const limited = problem.status === 429;
  return (
    <Alert color={limited ? "orange" : "red"} title={problem.title} role="alert">
      <Stack gap="sm" align="flex-start">
        {limited && problem.retryAfter ? strings.auth.wait(problem.retryAfter) : problem.detail}
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {strings.problems.tryAgain}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
