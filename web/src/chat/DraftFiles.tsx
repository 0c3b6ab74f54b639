import { ActionIcon, CloseButton, Progress, Text, Tooltip } from "@mantine/core";
import { IconAlertCircle, IconFileText, IconFileTypePdf, IconPhoto, IconRefresh } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { readableSize } from "./attachments";
import classes from "./chat.module.css";
import type { DraftFile } from "./drafts";
import type { Upload, Uploads } from "./uploads";

const s = strings.chat.files;

/** The files that will go along with the message, and how far those on their way have come. */
export function DraftFiles({ uploads, files }: { uploads: Uploads; files: DraftFile[] }) {
  const running = useCell(uploads.list);
  if (files.length === 0 && running.length === 0) {
    return null;
  }
  return (
    <ul className={classes.draftFiles} aria-label={s.list}>
      {files.map((file) => (
        <li key={file.id} className={classes.draftFile}>
          {file.mediaType.startsWith("image/") ? (
            <img src={file.url} alt="" className={classes.thumb} />
          ) : (
            <FileIcon mediaType={file.mediaType} />
          )}
          <Names name={file.name} note={readableSize(file.size)} />
          <CloseButton size="sm" aria-label={s.remove(file.name)} onClick={() => uploads.remove(file.id)} />
        </li>
      ))}
      {running.map((upload) => (
        <UploadItem key={upload.key} upload={upload} uploads={uploads} />
      ))}
    </ul>
  );
}

function UploadItem({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const { key, file, progress, problem } = upload;
  const preview = usePreview(file);
  const percent = Math.round(progress * 100);
  return (
    <li className={classes.draftFile} data-failed={problem !== undefined || undefined}>
      {problem ? (
        <IconAlertCircle size={20} className={classes.fileIcon} aria-hidden />
      ) : preview ? (
        <img src={preview} alt="" className={classes.thumb} />
      ) : (
        <FileIcon mediaType={file.type} />
      )}
      <div className={classes.fileNames}>
        <Text size="sm" truncate>
          {file.name}
        </Text>
        {problem ? (
          <Text size="xs" c="red" role="alert">
            {problem.detail || problem.title}
          </Text>
        ) : (
          <Progress size={4} mt={6} value={percent} aria-label={s.uploading(file.name, percent)} />
        )}
      </div>
      {problem && problem.status !== 413 && problem.status !== 415 && problem.status !== 422 && (
        <Tooltip label={strings.problems.tryAgain}>
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={s.retry(file.name)}
            onClick={() => uploads.retry(key)}
          >
            <IconRefresh size={14} />
          </ActionIcon>
        </Tooltip>
      )}
      <CloseButton size="sm" aria-label={s.remove(file.name)} onClick={() => uploads.cancel(key)} />
    </li>
  );
}

function Names({ name, note }: { name: string; note: string }) {
  return (
    <div className={classes.fileNames}>
      <Text size="sm" truncate>
        {name}
      </Text>
      <Text size="xs" c="dimmed">
        {note}
      </Text>
    </div>
  );
}

export function FileIcon({ mediaType }: { mediaType: string }) {
  const Icon = mediaType.startsWith("image/")
    ? IconPhoto
    : mediaType === "application/pdf"
      ? IconFileTypePdf
      : IconFileText;
  return <Icon size={20} className={classes.fileIcon} aria-hidden />;
}

/** A picture as it is here, before it is at the server. */
function usePreview(file: File): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!file.type.startsWith("image/")) {
      return;
    }
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url;
}
