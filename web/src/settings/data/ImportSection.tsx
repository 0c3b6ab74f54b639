import { Alert, Button, FileButton, Text } from "@mantine/core";
import { IconPackageImport } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { refreshConversations } from "~/api/conversations";
import { beginImport, type Import, importQuery, underWay } from "~/api/transfers";
import { settingsStrings } from "~/strings/settings";
import { Loaded } from "../Loaded";
import { failed } from "../notices";
import { Row, Section } from "../Section";
import { Bar } from "./ExportSection";

const s = settingsStrings.data;

/** Conversations from a file: our own export, or one of ChatGPT or Claude. */
export function ImportSection() {
  const cache = useQueryClient();
  const query = useQuery(importQuery);
  const begin = useMutation({
    mutationFn: beginImport,
    onSuccess: (begun) => cache.setQueryData(importQuery.queryKey, begun),
    onError: (error) => failed(s.importFailed, error),
  });
  const ended = query.data?.endedAt;
  useEffect(() => {
    if (ended) {
      void refreshConversations(cache);
    }
  }, [ended, cache]);
  const take = (file: File | null) => {
    if (file) {
      begin.mutate(file);
    }
  };
  return (
    <Section title={s.importTitle} description={s.importText}>
      <Loaded query={query}>
        {(job) => (
          <>
            <Row
              icon={<IconPackageImport size={20} aria-hidden />}
              title={<span role="status">{stateOf(job, begin.isPending)}</span>}
              control={
                <FileButton onChange={take} accept=".zip,.json,application/zip,application/json">
                  {(props) => (
                    <Button size="xs" variant="default" loading={begin.isPending || underWay(job)} {...props}>
                      {s.choose}
                    </Button>
                  )}
                </FileButton>
              }
            >
              {s.importHint}
            </Row>
            {underWay(job) && job && (
              <Bar done={job.progress.done} total={job.progress.total} label={s.importing} />
            )}
            {job?.report && <Report report={job.report} />}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function stateOf(job: Import | null, sending: boolean): string {
  if (sending) {
    return s.sending;
  }
  if (underWay(job)) {
    return s.importing;
  }
  switch (job?.state) {
    case "done":
      return job.report?.refused ? s.importRefused : s.imported;
    case "failed":
      return s.importFailed;
    default:
      return s.noImport;
  }
}

/** What was taken from the file, and what was not and why. */
function Report({ report }: { report: NonNullable<Import["report"]> }) {
  const { conversations, messages, attachments, memories, skipped, refused } = report;
  return (
    <>
      {refused && (
        <Alert color="orange" mb="sm">
          {s.refusals[refused.code] ?? refused.code} {refused.where}
        </Alert>
      )}
      <Text size="sm" mb="xs">
        {s.taken(conversations.taken, messages.taken, attachments.taken, memories.taken)}{" "}
        {messages.already > 0 && s.already(messages.already)}
      </Text>
      {skipped.length > 0 && (
        <>
          <Text size="sm">{s.skipped}</Text>
          <ul>
            {skipped.map(({ reason, count }) => (
              <li key={reason}>
                <Text size="sm" component="span">
                  {count.toLocaleString("en")} {s.reasons[reason] ?? reason}
                </Text>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
