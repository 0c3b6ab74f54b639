import { Anchor } from "@mantine/core";
import type { FileUIPart } from "ai";
import { isOwnImage, safeLink } from "~/lib/url";
import { strings } from "~/strings";
import classes from "./chat.module.css";

/** A file in a reply: a picture of our own is shown, anything else is a link. */
export function FilePart({ part }: { part: FileUIPart }) {
  const name = part.filename ?? strings.chat.file;
  if (part.mediaType.startsWith("image/") && isOwnImage(part.url)) {
    return <img className={classes.image} src={part.url} alt={name} />;
  }
  const href = safeLink(part.url);
  return href ? (
    <Anchor href={href} target="_blank" rel="noopener noreferrer">
      {name}
    </Anchor>
  ) : (
    <span>{name}</span>
  );
}
