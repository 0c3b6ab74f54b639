import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconPhoto } from "@tabler/icons-react";
import type { ComponentProps, ReactNode } from "react";
import { type Components, Streamdown } from "streamdown";
import { hostOf, isOwnImage, safeLink } from "~/lib/url";
import { strings } from "~/strings";
import classes from "./markdown.module.css";

function Link({ href, children }: ComponentProps<"a">) {
  const safe = safeLink(href);
  return safe ? (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );
}

/** A picture from elsewhere is not fetched: that would tell its host who reads what. It becomes a link. */
function Image({ src, alt }: ComponentProps<"img">) {
  if (typeof src !== "string") {
    return null;
  }
  if (isOwnImage(src)) {
    return <img src={src} alt={alt ?? ""} />;
  }
  return (
    <Link href={src}>
      <IconPhoto size={16} aria-hidden /> {alt || strings.chat.externalImage(hostOf(src))}
    </Link>
  );
}

function plainText(children: ReactNode): string {
  if (Array.isArray(children)) {
    return children.map(plainText).join("");
  }
  return typeof children === "string" || typeof children === "number" ? String(children) : "";
}

function CodeBlock({ className, children }: ComponentProps<"code">) {
  const code = plainText(children).replace(/\n$/, "");
  const language = /language-([^\s]+)/.exec(className ?? "")?.[1];
  return (
    <div className={classes.block}>
      <div className={classes.bar}>
        <span>{language}</span>
        <CopyButton value={code} timeout={2000}>
          {({ copied, copy }) => {
            const label = copied ? strings.chat.copied : strings.chat.copyCode;
            return (
              <Tooltip label={label}>
                <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} onClick={copy}>
                  {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
                </ActionIcon>
              </Tooltip>
            );
          }}
        </CopyButton>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}

function Table({ children }: ComponentProps<"table">) {
  return (
    <div className={classes.table}>
      <table>{children}</table>
    </div>
  );
}

/** An element without the classes that Streamdown would give it: our own style sheet sees to these. */
function bare(
  Tag:
    | "h1"
    | "h2"
    | "h3"
    | "h4"
    | "h5"
    | "h6"
    | "p"
    | "ul"
    | "li"
    | "blockquote"
    | "hr"
    | "strong"
    | "thead"
    | "tbody"
    | "tr"
    | "sup"
    | "sub",
) {
  return function Bare({ children }: { children?: ReactNode }) {
    return Tag === "hr" ? <hr /> : <Tag>{children}</Tag>;
  };
}

function cell(Tag: "th" | "td") {
  return function Cell({ children, style }: ComponentProps<"td">) {
    return <Tag style={style}>{children}</Tag>;
  };
}

// Outside of the component: Streamdown renders everything anew when this changes.
const components = {
  a: Link,
  img: Image,
  code: CodeBlock,
  inlineCode: ({ children }: ComponentProps<"code">) => <code>{children}</code>,
  table: Table,
  ol: ({ children, start }: ComponentProps<"ol">) => <ol start={start}>{children}</ol>,
  th: cell("th"),
  td: cell("td"),
  ...Object.fromEntries(
    (
      [
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "ul",
        "li",
        "blockquote",
        "hr",
        "strong",
        "thead",
        "tbody",
        "tr",
        "sup",
        "sub",
      ] as const
    ).map((tag) => [tag, bare(tag)]),
  ),
} as Components;

/** Markdown of a reply, also while it is unfinished. HTML in it is sanitised. */
export default function Markdown({ text, streaming }: { text: string; streaming: boolean }) {
  return (
    <Streamdown
      className={classes.markdown}
      mode={streaming ? "streaming" : "static"}
      parseIncompleteMarkdown={streaming}
      components={components}
      controls={false}
    >
      {text}
    </Streamdown>
  );
}
