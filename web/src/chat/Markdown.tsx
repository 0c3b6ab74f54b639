import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconPhoto } from "@tabler/icons-react";
import { type ComponentProps, lazy, type ReactNode, Suspense } from "react";
import remarkMath from "remark-math";
import { type Components, type PluginConfig, Streamdown } from "streamdown";
import { hostOf, isOwnImage, safeLink } from "~/lib/url";
import { strings } from "~/strings";
import { CodeText } from "./CodeText";
import classes from "./markdown.module.css";
import { delimitMath } from "./math";

// KaTeX, only where there is a formula.
const Formula = lazy(() => import("./Formula"));

// Formulas stay code until they are drawn: by components of our own, so that nothing has to be parsed as HTML.
const plugins: PluginConfig = {
  math: { name: "katex", type: "math", remarkPlugin: remarkMath, rehypePlugin: () => () => {} },
};

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

function languageOf(className: string | undefined): string | undefined {
  return /language-([^\s]+)/.exec(className ?? "")?.[1];
}

function CodeBlock({ className, children }: ComponentProps<"code">) {
  const code = plainText(children).replace(/\n$/, "");
  const language = languageOf(className);
  if (language === "math") {
    return (
      <Suspense fallback={<div className={classes.formula}>{code}</div>}>
        <Formula tex={code} display />
      </Suspense>
    );
  }
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
        <code>
          <CodeText code={code} language={language} />
        </code>
      </pre>
    </div>
  );
}

function InlineCode({ className, children }: ComponentProps<"code">) {
  if (languageOf(className) === "math") {
    const tex = plainText(children);
    return (
      <Suspense fallback={<code>{tex}</code>}>
        <Formula tex={tex} />
      </Suspense>
    );
  }
  return <code>{children}</code>;
}

function Table({ children }: ComponentProps<"table">) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className={classes.table} tabIndex={0} aria-label={strings.chat.table}>
      <table>{children}</table>
    </section>
  );
}

/** A box of a task list, which only shows. */
function Task({ checked }: ComponentProps<"input">) {
  return (
    <input
      type="checkbox"
      checked={checked ?? false}
      readOnly
      disabled
      aria-label={checked ? strings.chat.taskDone : strings.chat.taskOpen}
    />
  );
}

/** A heading below those of the page, which are the conversation's and the messages'. */
function heading(Tag: "h3" | "h4", level: number) {
  return function Heading({ children }: { children?: ReactNode }) {
    return <Tag className={classes[`h${level}`]}>{children}</Tag>;
  };
}

/** An element without the classes that Streamdown would give it: our own style sheet sees to these. */
function bare(
  Tag: "p" | "ul" | "li" | "blockquote" | "hr" | "strong" | "thead" | "tbody" | "tr" | "sup" | "sub",
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
  inlineCode: InlineCode,
  input: Task,
  h1: heading("h3", 1),
  h2: heading("h3", 2),
  h3: heading("h3", 3),
  h4: heading("h4", 4),
  h5: heading("h4", 5),
  h6: heading("h4", 6),
  table: Table,
  ol: ({ children, start }: ComponentProps<"ol">) => <ol start={start}>{children}</ol>,
  th: cell("th"),
  td: cell("td"),
  ...Object.fromEntries(
    (["p", "ul", "li", "blockquote", "hr", "strong", "thead", "tbody", "tr", "sup", "sub"] as const).map(
      (tag) => [tag, bare(tag)],
    ),
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
      plugins={plugins}
    >
      {delimitMath(text)}
    </Streamdown>
  );
}
