import { Button, Progress } from "@mantine/core";
import { IconDownload, IconPackageExport } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { beginExport, dropExport, type Export, exportQuery, underWay } from "~/api/transfers";
import { readableSize } from "~/chat/attachments";
import { settingsStrings } from "~/strings/settings";
import { ago } from "../format";
import { Loaded } from "../Loaded";
import { failed } from "../notices";
import { Row, Section } from "../Section";

const s = settingsStrings.data;

/** All of one's data as a file: made in the background, kept for a while. */
export function ExportSection() {
  const cache = useQueryClient();
  const query = useQuery(exportQuery);
  const onError = (error: unknown) => failed(settingsStrings.common.changeFailed, error);
  const begin = useMutation({
    mutationFn: beginExport,
    onSuccess: (begun) => cache.setQueryData(exportQuery.queryKey, begun),
    onError,
  });
  const drop = useMutation({
    mutationFn: dropExport,
    onSuccess: () => void cache.invalidateQueries({ queryKey: exportQuery.queryKey }),
    onError,
  });
  return (
    <Section title={s.exportTitle} description={s.exportText}>
      <Loaded query={query}>
        {(job) => {
          const busy = underWay(job);
          return (
            <>
              <Row
                icon={<IconPackageExport size={20} aria-hidden />}
                title={<span role="status">{stateOf(job)}</span>}
                control={
                  <>
                    {job?.file && (
                      <Button
                        component="a"
                        href={job.file.url}
                        download
                        size="xs"
                        leftSection={<IconDownload size={14} aria-hidden />}
                      >
                        {s.download}
                      </Button>
                    )}
                    {(busy || job?.file) && (
                      <Button
                        size="xs"
                        variant="default"
                        loading={drop.isPending}
                        onClick={() => drop.mutate()}
                      >
                        {busy ? settingsStrings.common.cancel : s.dropFile}
                      </Button>
                    )}
                    {!busy && (
                      <Button
                        size="xs"
                        variant="default"
                        loading={begin.isPending}
                        onClick={() => begin.mutate()}
                      >
                        {s.begin}
                      </Button>
                    )}
                  </>
                }
              >
                {job?.file
                  ? s.file(job.file.conversations, job.file.messages, readableSize(job.file.size))
                  : s.exportHint}
              </Row>
              {busy && job && <Bar done={job.progress.done} total={job.progress.total} label={s.exporting} />}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}

function stateOf(job: Export | null): string {
  if (underWay(job)) {
    return s.exporting;
  }
  switch (job?.state) {
    case "done":
      return s.exported(ago(job.endedAt ?? job.createdAt));
    case "failed":
      return s.exportFailed;
    case "expired":
      return s.expired;
    default:
      return s.noExport;
  }
}

/** How far something is. Without a total it only moves. */
export function Bar({ done, total, label }: { done: number; total: number; label: string }) {
  const share = total > 0 ? Math.min(100, (100 * done) / total) : 100;
  return <Progress value={share} animated={total <= 0} aria-label={label} mb="sm" />;
}
