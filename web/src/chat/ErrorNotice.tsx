import { Alert, Button, Group, Text } from "@mantine/core";
import type { Problem } from "~/api/problem";
import { strings } from "~/strings";
import { getDraft } from "./drafts";
import type { Thread } from "./thread";

const s = strings.chat.errors;

const titles: Record<string, string> = {
  quota_day: s.quotaDay,
  quota_month: s.quotaMonth,
  rate_limited: s.rate,
  run_active: s.running,
};

interface Props {
  problem: Problem;
  thread: Thread;
  onRegenerate: () => void;
  onSend: (text: string) => void;
}

/** Why there is no reply, told apart: an allowance used up, too fast, no connection, or a reply that failed. */
export function ErrorNotice({ problem, thread, onRegenerate, onSend }: Props) {
  const patience = problem.status === 429;
  const quota = problem.code === "quota_day" || problem.code === "quota_month";
  const draft = getDraft(thread.draftKey);

  const retry = () => {
    if (problem.code === "offline") {
      thread.refresh().catch(() => undefined);
    } else if (draft !== "" && problem.status >= 400) {
      onSend(draft);
    } else {
      onRegenerate();
    }
  };
  return (
    <Alert
      color={patience ? "orange" : "red"}
      title={titles[problem.code] ?? problem.title}
      role="alert"
      mb="sm"
      withCloseButton
      closeButtonLabel={strings.problems.dismiss}
      onClose={() => thread.chat.clearError()}
    >
      <Group justify="space-between" align="flex-end" gap="sm">
        <div>
          <Text size="sm">{problem.detail}</Text>
          {problem.fields.map((field) => (
            <Text key={field.path} size="sm" c="dimmed">
              {field.path} {field.message}
            </Text>
          ))}
          {!quota && problem.retryAfter !== undefined && (
            <Text size="sm">{strings.problems.retryIn(problem.retryAfter)}</Text>
          )}
          {problem.requestId && (
            <Text size="xs" c="dimmed">
              {strings.problems.reference(problem.requestId)}
            </Text>
          )}
        </div>
        {!quota && (
          <Button size="xs" variant="default" onClick={retry}>
            {strings.problems.tryAgain}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
