import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertStored, hasText, problemOf, stored, textOf } from "../lib/chat.js";
import { cuttable } from "../lib/cut.js";
import { newUser } from "../lib/session.js";
import { when } from "../lib/wait.js";

const whole = /^One word every .* ten\.$/;

const used = async (user) => (await user.api("GET", "/api/usage")).body.day.used;

/** A fetch whose streams break off with the error that Chrome has for it; Node.js has another, which the client does not know. */
const asInChrome = async (url, init) => {
  const response = await fetch(url, init);
  const reader = response.body?.getReader();
  const body =
    reader &&
    new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          done ? controller.close() : controller.enqueue(value);
        } catch (error) {
          controller.error(error.name === "AbortError" ? error : new TypeError("network error"));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
  return new Response(body, response);
};

const doubled =
  "After a cut the same chat shows the parts that it had twice when it resumes: what is replayed is added to what is there. A chat made anew, " +
  "with the stored messages, is right; so is what a reload shows.";

const unknown =
  "regenerate() is `404` for a message that the server never got: there is nothing to make anew. Send the same message again.";

/** Sends a message over a line that is cut after the first word of the reply. */
async function cutOff({ open, transport }, fetch) {
  const user = await newUser();
  const line = await cuttable(user.base);
  const watched = open(user, { transport: transport(user.at(line.base), { fetch }) });
  const { chat } = watched;
  const sending = chat.sendMessage({ text: "demo:slow 200" });
  await when(chat, hasText);
  line.cut();
  await sending;
  assert.equal(chat.status, "error", "the client notices");
  return { user, chat, watched };
}

export const network = {
  async "the network is cut midway: a new chat resumes"(tools) {
    const { user, chat } = await cutOff(tools);
    const { chat: again } = await tools.resumed(user, chat.id);
    assert.equal(again.error, undefined);
    assert.match(textOf(again.lastMessage), whole);
    await assertStored(user, again);
    assert.equal(await used(user), 1);
  },

  async "the network is cut midway, with a browser's error: the same chat resumes"(tools) {
    const { user, chat, watched } = await cutOff(tools, asInChrome);
    assert.equal(watched.ended.isDisconnect, true);
    await chat.resumeStream();
    assert.equal(chat.error, undefined);
    if (tools.client.replaces) {
      assert.match(textOf(chat.lastMessage), whole);
      await assertStored(user, chat);
      return undefined;
    }
    assert.match(textOf(chat.lastMessage), /^One .*One word every .* ten\.$/);
    const { chat: again } = tools.open(user, { id: chat.id, messages: await stored(user, chat.id) });
    await assertStored(user, again);
    return doubled;
  },

  async "a message never arrives: it is tried again, as applications do"({ open, transport }) {
    const user = await newUser();
    let broken = true;
    const fetched = async (url, init) => {
      if (broken) {
        throw new TypeError("fetch failed");
      }
      return fetch(url, init);
    };
    const { chat } = open(user, { transport: transport(user, { fetch: fetched }) });
    await chat.sendMessage({ text: "calculate 6*7" });
    assert.equal(chat.status, "error");
    broken = false;
    // The documentation of the client has regenerate() behind a button after an error.
    await chat.regenerate();
    const refused = chat.error && problemOf(chat);
    if (refused) {
      assert.equal(refused.code, "not_found");
      const message = chat.lastMessage;
      chat.messages = chat.messages.slice(0, -1);
      await chat.sendMessage(message);
    }
    assert.equal(chat.error, undefined);
    assert.match(textOf(chat.lastMessage), /42/);
    await assertStored(user, chat);
    return refused && unknown;
  },

  async "the answer to a message is lost: it is sent again"({ open, transport }) {
    const user = await newUser();
    const line = await cuttable(user.base);
    const { chat } = open(user, {
      transport: transport(user, {
        // The request arrives; the answer does not.
        fetch: async (url, init) => {
          const response = await fetch(String(url).replace(user.base, line.base), init);
          line.cut();
          await response.text().catch(() => {});
          throw new TypeError("fetch failed");
        },
      }),
    });
    const message = { id: randomUUID(), role: "user", parts: [{ type: "text", text: "demo:slow 60" }] };
    await chat.sendMessage({ ...message });
    assert.equal(chat.status, "error");
    const { chat: again } = open(user, { id: chat.id });
    await again.sendMessage({ ...message });
    assert.equal(again.error, undefined);
    assert.match(textOf(again.lastMessage), whole);
    assert.equal((await assertStored(user, again)).length, 2);
    assert.equal(await used(user), 1);
  },
};
