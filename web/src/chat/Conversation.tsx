import { Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useNavigate } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef } from "react";
import { problemFromChat } from "~/api/problem";
import { noteFailure } from "~/api/queryClient";
import { Cell, useCell } from "~/lib/cell";
import { strings } from "~/strings";
import { ApprovalBar } from "./ApprovalBar";
import { ActionsContext, makeActions } from "./actions";
import { Composer } from "./Composer";
import classes from "./chat.module.css";
import { type Draft, fleetingDraft, newChatDraft } from "./drafts";
import { ErrorNotice } from "./ErrorNotice";
import { Greeting } from "./Greeting";
import { MessageList } from "./MessageList";
import type { ChatMessage } from "./message";
import { RecoveryNotice } from "./RecoveryNotice";
import type { Recovery } from "./recovery";
import { TemporaryBar } from "./TemporaryBar";
import type { Thread, View } from "./thread";
import type { Kind } from "./threads";
import { Unanswered } from "./Unanswered";
import { uploadsOf } from "./uploads";
import { useFileDrop } from "./useFileDrop";
import { type Choice, useModelChoice } from "./useModelChoice";
import { useTarget } from "./useTarget";

const LeaveGuard = lazy(() => import("./LeaveGuard"));

interface Props {
  id: string;
  /** New: the conversation is not in the address bar yet. */
  kind: Kind;
  /** The message to bring into view. */
  messageId?: string;
  /** Absent on the page of a new chat while the chat client is loaded. */
  thread: Thread | undefined;
  whenOpen: () => Promise<Thread>;
}

const nothing = new Cell<View>({ messages: [], status: "ready" });
const noneHeld = new Cell<ChatMessage[] | undefined>(undefined);
const settled = new Cell<Recovery>({ state: "idle" });

/** The messages of a conversation and the place to write the next one. */
export function Conversation({ id, thread, kind, messageId, whenOpen }: Props) {
  const { status, error, messages: all } = useCell(thread?.view ?? nothing);
  const messages = useCell(thread?.held ?? noneHeld) ?? all;
  const recovery = useCell(thread?.recovery ?? settled);
  const choice = useModelChoice();
  const navigate = useNavigate();
  const temporary = kind === "temporary";
  const draftKey = thread?.draftKey ?? (temporary ? fleetingDraft(id) : newChatDraft);
  const uploads = uploadsOf(id, draftKey);
  const busy = status === "submitted" || status === "streaming" || recovery.state === "trying";

  // Once the server has the first message, the conversation has an address of its own.
  const stored = thread?.stored ?? false;
  useEffect(() => {
    if (kind === "new" && stored) {
      void navigate({ to: "/c/$conversationId", params: { conversationId: id }, replace: true });
    }
  }, [kind, stored, id, navigate]);

  const send = (draft: Draft) =>
    void whenOpen().then((opened) => opened.send(draft, choice.request), noteFailure);
  const addFiles = (files: Iterable<File>) => {
    const refusals = uploads.add(files);
    if (refusals.length > 0) {
      notifications.show({
        color: "orange",
        title: strings.chat.files.notTaken,
        message: [...new Set(refusals)].join(" "),
      });
    }
  };
  const drop = useFileDrop(addFiles);
  const editLast = () => thread?.editing.set(messages.findLast(({ role }) => role === "user")?.id);
  const failure = useMemo(() => error && problemFromChat(error), [error]);
  const recovering = recovery.state !== "idle";
  const problem = recovering ? undefined : failure;
  const uploading = useCell(uploads.list).some((upload) => !upload.problem);
  const target = useTarget(thread, messageId);
  return (
    <div className={classes.view} {...drop.handlers}>
      {(temporary || (kind === "new" && messages.length === 0)) && (
        <TemporaryBar temporary={temporary} begun={temporary && messages.length > 0} uploading={uploading} />
      )}
      {temporary && (
        <Suspense>
          <LeaveGuard />
        </Suspense>
      )}
      <Actions thread={thread} choice={choice}>
        {!thread || messages.length === 0 ? (
          <Greeting temporary={temporary} onPick={(text) => send({ text, files: [] })} />
        ) : (
          <MessageList
            thread={thread}
            messages={messages}
            busy={busy}
            waiting={status === "submitted" && !recovering}
            failed={problem !== undefined}
            target={target}
          />
        )}
        <div className={classes.dock}>
          <div className={classes.column}>
            {thread && recovering && <RecoveryNotice recovery={recovery} onRetry={() => thread.retry()} />}
            {thread && problem && !busy && <ErrorNotice problem={problem} thread={thread} onSend={send} />}
            {thread && !busy && !problem && !recovering && messages.at(-1)?.role === "user" && (
              <Unanswered key={messages.at(-1)?.id} />
            )}
            {thread && !busy && <ApprovalBar thread={thread} message={messages.at(-1)} />}
            <Composer
              conversationId={id}
              draftKey={draftKey}
              uploads={uploads}
              busy={busy}
              choice={choice}
              onSend={send}
              onFiles={addFiles}
              onEditLast={editLast}
            />
            <Text size="xs" c="dimmed" ta="center" className={classes.disclaimer}>
              {strings.chat.disclaimer}
            </Text>
          </div>
        </div>
      </Actions>
      {drop.over && (
        <div className={classes.dropZone} aria-hidden>
          <Text fw={600}>{strings.chat.files.drop}</Text>
          <Text size="sm" c="dimmed">
            {strings.chat.files.dropHint}
          </Text>
        </div>
      )}
    </div>
  );
}

/** What messages offer to do. It stays the same object, so that nothing is drawn anew because of it. */
function Actions(props: { thread: Thread | undefined; choice: Choice; children: ReactNode }) {
  const { thread, choice, children } = props;
  const latest = useRef(choice);
  latest.current = choice;
  const actions = useMemo(() => thread && makeActions(thread, () => latest.current.request), [thread]);
  return <ActionsContext value={actions}>{children}</ActionsContext>;
}
