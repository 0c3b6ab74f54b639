import { hostOf, safeLink } from "~/lib/url";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import type { ChatPart } from "./message";

/** Where a reply has its facts from, as links; each address once. */
export function Sources({ parts }: { parts: ChatPart[] }) {
  const sources = new Map<string, string>();
  for (const part of parts) {
    const href = part.type === "source-url" ? safeLink(part.url) : undefined;
    if (part.type === "source-url" && href && !sources.has(href)) {
      sources.set(href, part.title || hostOf(href));
    }
  }
  if (sources.size === 0) {
    return null;
  }
  return (
    <ol className={classes.sources} aria-label={strings.chat.sources}>
      {[...sources].map(([href, title]) => (
        <li key={href}>
          <a href={href} target="_blank" rel="noopener noreferrer">
            {title}
          </a>
        </li>
      ))}
    </ol>
  );
}
