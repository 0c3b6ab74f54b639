import { Button } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { newId } from "~/lib/id";
import { ButtonLink } from "~/shell/links";
import { Page } from "~/shell/RouteError";
import { strings } from "~/strings";
import { ChatSkeleton } from "./ChatSkeleton";
import { Conversation } from "./Conversation";
import { useThread } from "./threads";

// The id that the next new conversation will have.
let pending = newId();

/** A conversation, or the empty page on which one begins. */
export function ChatPage() {
  const { conversationId } = useParams({ strict: false });
  useEffect(() => {
    if (conversationId === pending) {
      pending = newId();
    }
  }, [conversationId]);
  const id = conversationId ?? pending;
  return <Loader key={id} id={id} isNew={conversationId === undefined} />;
}

function Loader({ id, isNew }: { id: string; isNew: boolean }) {
  const { thread, problem, retry, whenOpen } = useThread(id, isNew);
  const s = strings.chat;
  if (thread || (isNew && !problem)) {
    return <Conversation id={id} thread={thread} isNew={isNew} whenOpen={whenOpen} />;
  }
  if (problem?.code === "not_found") {
    return (
      <Page title={s.missingTitle} text={s.missing}>
        <ButtonLink to="/">{strings.list.newChat}</ButtonLink>
      </Page>
    );
  }
  if (problem) {
    return (
      <Page title={s.failedTitle} text={problem.detail || problem.title} reference={problem.requestId}>
        <Button onClick={retry}>{strings.problems.tryAgain}</Button>
      </Page>
    );
  }
  return <ChatSkeleton />;
}
