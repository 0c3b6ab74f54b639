import { Skeleton } from "@mantine/core";
import type { FileUIPart } from "ai";
import { useState } from "react";
import { isOwnImage, safeLink } from "~/lib/url";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { FileIcon } from "./DraftFiles";

/** A file of a message: a picture of our own is shown, anything else is a link. */
export function FilePart({ part, pending = false }: { part: FileUIPart; pending?: boolean }) {
  const name = part.filename ?? strings.chat.file;
  const [broken, setBroken] = useState(false);
  const href = safeLink(part.url);
  if (part.mediaType.startsWith("image/") && href && isOwnImage(part.url) && !broken) {
    // A picture that the model makes is stored together with the reply: before that there is none.
    return pending ? (
      <Skeleton h={240} maw={320} radius="md" mb="sm" />
    ) : (
      <a href={href} target="_blank" rel="noopener noreferrer" className={classes.picture}>
        <img src={part.url} alt={name} loading="lazy" onError={() => setBroken(true)} />
      </a>
    );
  }
  const content = (
    <>
      <FileIcon mediaType={part.mediaType} />
      <span className={classes.fileName}>{name}</span>
    </>
  );
  return href ? (
    <a href={href} target="_blank" rel="noopener noreferrer" className={classes.fileCard}>
      {content}
    </a>
  ) : (
    <span className={classes.fileCard}>{content}</span>
  );
}
