import { Button } from "@mantine/core";
import { useParams, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { useCell } from "~/lib/cell";
import { newId } from "~/lib/id";
import { ButtonLink } from "~/shell/links";
import { Page } from "~/shell/RouteError";
import { strings } from "~/strings";
import { ChatSkeleton } from "./ChatSkeleton";
import { Conversation } from "./Conversation";
import { endTemporaryLater, temporaryId } from "./temporary";
import { type Kind, useThread } from "./threads";

// The id that the next new conversation will have.
let pending = newId();

/** A conversation, or the empty page on which one begins. */
export function ChatPage() {
  const { conversationId } = useParams({ strict: false });
  const { temporary, message } = useSearch({ strict: false });
  const temporaryChat = useCell(temporaryId);
  useEffect(() => {
    if (conversationId === pending) {
      pending = newId();
    }
  }, [conversationId]);
  if (conversationId === undefined && temporary) {
    return <Temporary key={temporaryChat} id={temporaryChat} />;
  }
  const id = conversationId ?? pending;
  return (
    <Loader key={id} id={id} kind={conversationId === undefined ? "new" : "stored"} messageId={message} />
  );
}

/** A chat that ends when it is left. */
function Temporary({ id }: { id: string }) {
  useEffect(() => endTemporaryLater(id), [id]);
  return <Loader id={id} kind="temporary" />;
}

/** messageId: the message to bring into view. */
function Loader({ id, kind, messageId }: { id: string; kind: Kind; messageId?: string }) {
  const { thread, problem, retry, whenOpen } = useThread(id, kind);
  const s = strings.chat;
  if (thread || (kind !== "stored" && !problem)) {
    return <Conversation id={id} thread={thread} kind={kind} messageId={messageId} whenOpen={whenOpen} />;
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
