// The real npm client, as the web app uses it, without a page around it.
import { randomUUID } from "node:crypto";
import { Chat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { server } from "./env.js";

/** A transport with the client's defaults: it posts the whole history, as programs of others do. */
export function transportOf(user) {
  return new DefaultChatTransport({ api: `${server}/api/ai`, headers: user.headers });
}

/** The transport of our web app, which posts the new message alone. */
export function lastMessageOnly(user) {
  return new DefaultChatTransport({
    api: `${server}/api/ai`,
    headers: user.headers,
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
      body: { ...body, id, messages: messages.slice(-1), trigger, messageId },
    }),
  });
}

/**
 * A chat of the user. `texts` collects what the reply's text looked like each time it changed, `ended` how the last
 * reply ended.
 */
export function chatOf(user, { id = randomUUID(), messages = [], transport = transportOf(user) } = {}) {
  const chat = new Chat({
    id,
    messages,
    transport,
    onFinish: (end) => Object.assign(watched, { ended: end }),
  });
  const watched = { chat, texts: [], ended: undefined };
  chat["~registerMessagesCallback"](() => {
    const last = chat.lastMessage;
    const text = last?.role === "assistant" ? textOf(last) : "";
    if (text !== "" && text !== watched.texts.at(-1)) {
      watched.texts.push(text);
    }
  });
  return watched;
}

export function textOf(message) {
  return message.parts
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("");
}

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
 * The parts of a message as the server stores them. The client also keeps members that are undefined, and of reasoning
 * the id of its block, which means nothing once the stream has ended.
 */
export function partsOf(message) {
  return JSON.parse(JSON.stringify(message.parts)).map(({ id, ...part }) =>
    part.type === "reasoning" ? part : { ...part, ...(id === undefined ? {} : { id }) },
  );
}

/** Resolves when the condition holds, which is looked at whenever a message or the status of the chat changes. */
export function when(chat, condition) {
  return new Promise((resolve, reject) => {
    const stops = [];
    const timer = setTimeout(() => finish(reject, new Error(`in vain: ${condition}`)), 20_000);
    const finish = (settle, value) => {
      clearTimeout(timer);
      for (const stop of stops) {
        stop();
      }
      settle(value);
    };
    const look = () => condition(chat) && finish(resolve);
    stops.push(chat["~registerMessagesCallback"](look), chat["~registerStatusCallback"](look));
    look();
  });
}
