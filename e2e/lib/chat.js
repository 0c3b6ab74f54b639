// The npm client as applications use it, without a page around it, and the comparison of what it shows with what is stored.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

/** A transport with the client's defaults: it posts the whole history, as programs of others do. */
export function transportOf(client, user, options = {}) {
  return new client.ai.DefaultChatTransport({
    api: `${user.base}/api/ai`,
    headers: user.headers,
    ...options,
  });
}

/** The transport of our web app, which posts the new message alone. */
export function lastMessageOnly(client, user) {
  return transportOf(client, user, {
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
      body: { ...body, id, messages: messages.slice(-1), trigger, messageId },
    }),
  });
}

/**
 * A chat of the user. `texts` collects what the reply's text looked like each time it changed, `data` the parts that are not
 * kept, `ended` how the last reply ended.
 */
export function chatOf(client, user, options = {}) {
  const { id = randomUUID(), transport = transportOf(client, user), ...rest } = options;
  const chat = new client.Chat({
    id,
    transport,
    onFinish: (end) => Object.assign(watched, { ended: end }),
    onData: (part) => watched.data.push(part),
    ...rest,
  });
  const watched = { chat, texts: [], data: [], ended: undefined };
  chat["~registerMessagesCallback"](() => {
    const last = chat.lastMessage;
    const text = last?.role === "assistant" ? textOf(last) : "";
    if (text !== "" && text !== watched.texts.at(-1)) {
      watched.texts.push(text);
    }
  });
  return watched;
}

/** Follows a running reply as a page does that was just opened: with the stored messages, in a chat of its own. */
export async function resumed(client, user, id, options = {}) {
  const watched = chatOf(client, user, { id, messages: await stored(user, id), ...options });
  await watched.chat.resumeStream();
  return watched;
}

export function textOf(message) {
  return message.parts
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("");
}

export const hasText = (chat) => chat.lastMessage?.role === "assistant" && textOf(chat.lastMessage) !== "";

/** The parts that are calls of tools. */
export const callsOf = (message) => message.parts.filter((part) => part.toolCallId !== undefined);

/** What a refusal says: the client shows its body as the error's message. */
export const problemOf = (chat) => JSON.parse(chat.error.message);

/** The stored messages of a conversation, all pages, in order. */
export async function stored(user, id) {
  let items = [];
  for (let cursor = ""; ; ) {
    const page = await user.api(
      "GET",
      `/api/conversations/${id}/messages?limit=3${cursor && `&cursor=${cursor}`}`,
    );
    if (page.status !== 200) {
      throw new Error(`messages of ${id}: ${page.status} ${JSON.stringify(page.body)}`);
    }
    items = [...page.body.items, ...items];
    if (!page.body.nextCursor) {
      return items;
    }
    cursor = encodeURIComponent(page.body.nextCursor);
  }
}

/**
 * Fails unless the chat shows what is stored, message for message, and returns the stored messages. What differs by design: the
 * server keeps `callProviderMetadata` of calls, by which it knows the tool that was asked about; it tells when a message of the user
 * was stored, and a message's place among its versions, with the messages only; clients keep an id of blocks of text and reasoning,
 * and 5 and 6 the input of a call that could not be read as rawInput. `answers: false` leaves out how requests for approval were
 * answered, which no chunk tells who resumes.
 */
export async function assertStored(user, chat, { answers = true } = {}) {
  const messages = await stored(user, chat.id);
  const shown = JSON.parse(JSON.stringify(chat.messages));
  const comparable = ({ id, role, metadata: { branch: _, ...metadata } = {}, parts }) => ({
    id,
    role,
    parts: parts.map((part) => comparablePart(part, answers)),
    ...(role === "assistant" && { metadata }),
  });
  assert.deepEqual(shown.map(comparable), messages.map(comparable));
  return messages;
}

function comparablePart({ callProviderMetadata: _, rawInput, id, ...part }, answers) {
  if (part.approval && !answers) {
    part.approval = { id: part.approval.id };
  }
  if (rawInput !== undefined) {
    part.input ??= rawInput;
  }
  if (part.type.startsWith("data-")) {
    return { id, ...part };
  }
  return part;
}
