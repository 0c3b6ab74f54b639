import { Alert, Button, Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Problem } from "~/api/problem";
import { strings } from "~/strings";
import { useActions } from "./actions";
import classes from "./chat.module.css";
import { type Draft, getDraft, isEmptyDraft } from "./drafts";
import type { Thread } from "./thread";

const s = strings.chat.errors;

const titles: Record<string, string> = {
  quota_day: s.quotaDay,
  quota_month: s.quotaMonth,
  quota_cost: s.quotaCost,
  quota_tokens: s.quotaTokens,
  rate_limited: s.rate,
  run_active: s.running,
  busy: s.busy,
  unavailable: s.away,
};

/** Seconds that a button counts down at most. */
const longWait = 300;

interface Props {
  problem: Problem;
  thread: Thread;
  onSend: (draft: Draft) => void;
}

/** Why there is no reply, told apart: an allowance used up, too fast, a server that is away, or a reply that failed. */
export function ErrorNotice({ problem, thread, onSend }: Props) {
  const { regenerate, submitDecisions } = useActions();
  const patience = problem.status === 429 || problem.status === 503;
  // Nobody waits that long for a button.
  const quota =
    problem.code === "quota_day" || problem.code === "quota_month" || (problem.retryAfter ?? 0) > longWait;
  const seconds = useCountdown(problem);

  const retry = () => {
    const draft = getDraft(thread.draftKey);
    thread.chat.clearError();
    // What the server refused is a draft again; what failed after that has its message at the server.
    if (problem.status >= 400 && !isEmptyDraft(draft)) {
      onSend(draft);
    } else if (problem.status >= 400 && thread.decisionsWaiting) {
      submitDecisions();
    } else {
      regenerate();
    }
  };
  return (
    <Alert
      className={classes.notice}
      data-tone={patience ? undefined : "error"}
      color="gray"
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
            <Text key={`${field.path} ${field.message}`} size="sm" c="dimmed">
              {field.path} {field.message}
            </Text>
          ))}
          {problem.requestId && (
            <Text size="xs" c="dimmed">
              {strings.problems.reference(problem.requestId)}
            </Text>
          )}
        </div>
        {!quota && problem.code !== "run_active" && (
          <Button size="xs" variant="default" onClick={retry} disabled={seconds > 0}>
            {seconds > 0 ? strings.problems.retryIn(seconds) : strings.problems.tryAgain}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** Seconds until the server wants to be asked again. */
function useCountdown(problem: Problem): number {
  const [left, setLeft] = useState(problem.retryAfter ?? 0);
  useEffect(() => {
    const end = Date.now() + (problem.retryAfter ?? 0) * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}
