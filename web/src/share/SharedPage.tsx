import { Anchor, Loader, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconFile, IconTool } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, memo, Suspense, startTransition, useEffect, useState } from "react";
import { Problem } from "~/api/problem";
import { type Shared, type SharedMessage, type SharedPart, sharedQuery } from "~/api/shares";
import { Logo } from "~/shell/Logo";
import { AnchorLink, ButtonLink } from "~/shell/links";
import { Page } from "~/shell/RouteError";
import { strings } from "~/strings";
import { shareStrings } from "~/strings/share";
import { overlaysId } from "~/theme";
import { calendarDay } from "./format";
import classes from "./share.module.css";

const s = shareStrings.page;

// As in a conversation: until it is there, text is shown as it is.
const Markdown = lazy(() => import("~/chat/Markdown"));

/** What somebody has shared by link, for whoever has it: no session, nothing to write, nothing of the app around it. */
export function SharedPage() {
  const { shareId } = useParams({ from: "/s/$shareId" });
  const { data, error, refetch } = useQuery(sharedQuery(shareId));
  const title = data ? data.title || s.untitled : error ? s.missingTitle : s.loading;
  useDocumentTitle(`${title} · ${strings.app.name}`);
  return (
    <div className={classes.page}>
      <meta name="robots" content="noindex, nofollow" />
      <meta name="referrer" content="no-referrer" />
      <header className={classes.top}>
        <div className={classes.column}>
          <Link to="/" className={classes.home}>
            <Logo size={22} />
          </Link>
          {data && (
            <AnchorLink to="/" size="sm">
              {s.start}
            </AnchorLink>
          )}
        </div>
      </header>
      <main className={classes.main}>
        <div className={classes.column}>
          {data && <Copy shared={data} title={title} />}
          {error && <Missing error={error} retry={() => void refetch()} />}
          {!data && !error && <Loader size="sm" role="status" aria-label={s.loading} />}
        </div>
        <div id={overlaysId} />
      </main>
      {data && (
        <footer className={classes.foot}>
          <Text size="sm" c="dimmed" className={classes.column}>
            {s.frozen} {s.made(strings.app.name)}.
          </Text>
        </footer>
      )}
    </div>
  );
}

function Missing({ error, retry }: { error: Error; retry: () => void }) {
  if (error instanceof Problem && error.code === "not_found") {
    return (
      <Page title={s.missingTitle} text={s.missing}>
        <ButtonLink to="/">{strings.problems.toStart}</ButtonLink>
      </Page>
    );
  }
  const problem = error instanceof Problem ? error : undefined;
  return (
    <Page
      title={problem?.title || strings.problems.unknown.title}
      text={problem?.detail || strings.problems.unknown.detail}
      reference={problem?.requestId}
    >
      <Anchor component="button" type="button" onClick={retry}>
        {strings.problems.tryAgain}
      </Anchor>
    </Page>
  );
}

// So many messages are drawn at a time, and the next ones when the browser is done with these: a long copy shows at once.
const batch = 20;

function Copy({ shared, title }: { shared: Shared; title: string }) {
  const { messages, createdAt, expiresAt } = shared;
  const [drawn, setDrawn] = useState(batch);
  const more = drawn < messages.length;
  useEffect(() => {
    if (more) {
      const timer = setTimeout(() => startTransition(() => setDrawn(drawn + batch)));
      return () => clearTimeout(timer);
    }
  }, [drawn, more]);
  return (
    <>
      <div className={classes.head}>
        <Title order={1} size="h2">
          {title}
        </Title>
        <Text size="sm" c="dimmed" mt={6}>
          <time dateTime={createdAt}>{s.shared(calendarDay(createdAt))}</time> ·{" "}
          <time dateTime={expiresAt}>{s.expires(calendarDay(expiresAt))}</time>
        </Text>
      </div>
      {messages.slice(0, drawn).map((message, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the copy is frozen, and its messages have no other identity.
        <div key={place} className={classes.item}>
          <Message message={message} />
        </div>
      ))}
    </>
  );
}

const Message = memo(function Message({ message }: { message: SharedMessage }) {
  const { role, parts, model } = message;
  if (role === "user") {
    return (
      <article className={classes.mine}>
        <h2 className={classes.by}>{s.asked}</h2>
        {parts.map((part, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <Part key={place} part={part} mine />
        ))}
      </article>
    );
  }
  return (
    <article className={classes.reply}>
      <h2 className={classes.by}>{model ? s.by(model) : s.reply}</h2>
      {parts.map((part, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Part key={place} part={part} />
      ))}
    </article>
  );
});

function Part({ part, mine }: { part: SharedPart; mine?: boolean }) {
  switch (part.type) {
    case "text":
      return mine ? (
        <div className={classes.bubble}>{part.text}</div>
      ) : (
        <Suspense fallback={<div className={classes.plain}>{part.text}</div>}>
          <Markdown text={part.text ?? ""} streaming={false} />
        </Suspense>
      );
    case "tool":
      return (
        <div>
          <span className={classes.note}>
            <IconTool size={16} aria-hidden /> {s.tool((part.name ?? "").replace(/_/g, " "))}
          </span>
        </div>
      );
    case "file":
      return (
        <div>
          <span className={classes.note}>
            <IconFile size={16} aria-hidden /> {s.files[part.kind ?? "file"]}
          </span>
        </div>
      );
    default:
      return null;
  }
}
