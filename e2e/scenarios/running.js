import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertStored, hasText, problemOf, stored, textOf } from "../lib/chat.js";
import { newUser, onAnotherDevice } from "../lib/session.js";
import { until, when } from "../lib/wait.js";

const whole = /^One word every .* ten\.$/;

const stop = (user, chat) => user.api("POST", `/api/ai/${chat.id}/stop`);

const used = async (user) => (await user.api("GET", "/api/usage")).body.day.used;

/** Options of a transport whose requests end with the signal. Not all versions can stop a stream that they resumed. */
const endingWith = (signal) => ({ fetch: (url, init) => fetch(url, { ...init, signal }) });

export const running = {
  async "stop ends a reply and keeps what there is of it"({ open, transport }) {
    const user = await newUser();
    const watched = open(user);
    const { chat } = watched;
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { status, body } = await stop(user, chat);
    assert.equal(status, 200);
    assert.deepEqual(body, { stopped: true });
    await sending;
    assert.equal(watched.ended.isError, false);
    assert.equal(chat.status, "ready");
    assert.equal(await transport(user).reconnectToStream({ chatId: chat.id }), null);
    assert.deepEqual((await stop(user, chat)).body, { stopped: false });
    const [, reply] = await assertStored(user, chat);
    assert.equal(reply.metadata.status, "aborted");
    await chat.sendMessage({ text: "calculate 40+2" });
    assert.match(textOf(chat.lastMessage), /42/);
    await assertStored(user, chat);
  },

  async "stop before the first word leaves the message alone"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:slow 10000" });
    await until("the reply to run", async () => (await stop(user, chat)).body.stopped);
    await sending;
    assert.equal(chat.error, undefined);
    assert.equal((await assertStored(user, chat)).length, 1);
  },

  async "the client's own stop only leaves; the reply is resumed twice"({ open, resumed, transport }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:slow 200" });
    await when(chat, hasText);
    await chat.stop();
    await sending;
    const before = await stored(user, chat.id);
    assert.deepEqual(
      before.map((message) => message.role),
      ["user"],
      "an unfinished reply is not listed",
    );
    assert.equal((await user.api("GET", `/api/conversations/${chat.id}`)).body.running, true);

    const leaving = new AbortController();
    const { chat: once } = open(user, {
      id: chat.id,
      messages: before,
      transport: transport(user, endingWith(leaving.signal)),
    });
    const following = once.resumeStream();
    await when(once, hasText);
    leaving.abort();
    await following;

    const { chat: twice, texts } = await resumed(user, chat.id);
    assert.equal(twice.error, undefined);
    assert.ok(texts.length >= 2, "it is followed live");
    assert.match(textOf(twice.lastMessage), whole);
    const [, reply] = await assertStored(user, twice);
    assert.equal(reply.metadata.status, "complete");
    assert.equal(await used(user), 1);
    assert.equal(await transport(user).reconnectToStream({ chatId: chat.id }), null);
  },

  async "a second device joins, and both see the same"({ open, resumed }) {
    const user = await newUser();
    const device = await onAnotherDevice(user);
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:slow 200" });
    await when(chat, hasText);
    const { chat: joined, texts } = await resumed(device, chat.id);
    await sending;
    assert.ok(texts.length >= 2, "it is followed live");
    assert.deepEqual(joined.messages.at(-1), chat.messages.at(-1));
    assert.match(textOf(joined.lastMessage), whole);
    await assertStored(user, chat);
    await assertStored(device, joined);
    await joined.sendMessage({ text: "calculate 1+1" });
    assert.match(textOf(joined.lastMessage), /2/);
    await assertStored(device, joined);
  },

  async "reasoning and tools are resumed"({ open, resumed }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "Think. demo:slow 100" });
    await when(chat, ({ lastMessage }) => lastMessage?.parts.some(({ type }) => type === "reasoning"));
    const { chat: again } = await resumed(user, chat.id);
    await sending;
    assert.equal(again.error, undefined);
    assert.deepEqual(again.lastMessage.parts, chat.lastMessage.parts);
    await assertStored(user, again);
  },

  async "nothing is resumed where nothing runs, and nothing of others"({ open, transport }) {
    const [user, stranger] = await Promise.all([newUser(), newUser()]);
    assert.equal(await transport(user).reconnectToStream({ chatId: "never-heard-of" }), null);
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    assert.equal(await transport(stranger).reconnectToStream({ chatId: chat.id }), null);
    assert.equal((await stranger.api("GET", `/api/conversations/${chat.id}/messages`)).status, 404);
    await stop(stranger, chat);
    assert.equal(chat.status, "streaming", "nobody else can stop it");
    await stop(user, chat);
    await sending;
    const { chat: idle } = open(user, { id: chat.id, messages: await stored(user, chat.id) });
    await idle.resumeStream();
    assert.equal(idle.status, "ready");
    await assertStored(user, idle);
  },

  async "no second reply begins beside a first"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { chat: second } = open(user, { id: chat.id });
    await second.sendMessage({ text: "me too" });
    const problem = problemOf(second);
    assert.equal(problem.status, 409);
    assert.equal(problem.code, "run_active");
    assert.equal(problem.runId, chat.lastMessage.metadata.runId);
    await stop(user, chat);
    await sending;
    assert.equal((await assertStored(user, chat)).length, 2);
  },

  async "a message posted twice is one message and one reply"({ open }) {
    const user = await newUser();
    const message = { id: randomUUID(), role: "user", parts: [{ type: "text", text: "demo:slow 200" }] };
    const { chat } = open(user);
    const { chat: same, texts } = open(user, { id: chat.id });
    const sending = chat.sendMessage({ ...message });
    await when(chat, hasText);
    await Promise.all([same.sendMessage({ ...message }), sending]);
    assert.equal(same.error, undefined);
    assert.equal(chat.error, undefined);
    assert.ok(texts.length >= 2, "it is followed live");
    assert.deepEqual(same.lastMessage, chat.lastMessage);
    assert.equal((await assertStored(user, chat)).length, 2);
    // Once more, after the end.
    const { chat: late } = open(user, { id: chat.id });
    await late.sendMessage({ ...message });
    assert.equal(late.error, undefined);
    await assertStored(user, late);
    assert.equal(await used(user), 1);
    const { chat: changed } = open(user, { id: chat.id });
    await changed.sendMessage({ ...message, parts: [{ type: "text", text: "something else" }] });
    assert.equal(problemOf(changed).code, "conflict");
  },

  async "a message posted twice at once is one message and one reply"({ open }) {
    const user = await newUser();
    const message = { id: randomUUID(), role: "user", parts: [{ type: "text", text: "demo:slow 50" }] };
    const chats = [1, 2, 3].map(() => open(user, { id: `at-once-${message.id.slice(0, 8)}` }).chat);
    await Promise.all(chats.map((chat) => chat.sendMessage({ ...message })));
    for (const chat of chats) {
      assert.equal(chat.error, undefined);
      assert.equal((await assertStored(user, chat)).length, 2);
    }
    assert.equal(await used(user), 1);
  },

  async "an edit posted twice is one edit and one reply"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "My name is Ada." });
    const before = chat.messages;
    const { chat: same } = open(user, { id: chat.id, messages: before });
    const edit = { text: "demo:slow 200", messageId: before[0].id };
    const sending = chat.sendMessage(edit);
    await when(chat, ({ lastMessage }) => /^One/.test(textOf(lastMessage)));
    await Promise.all([same.sendMessage(edit), sending]);
    assert.equal(same.error, undefined);
    assert.equal(chat.error, undefined);
    assert.deepEqual(same.lastMessage, chat.lastMessage);
    assert.equal((await assertStored(user, chat)).length, 2);
    assert.equal(await used(user), 2);
  },

  async "deleting the conversation ends its reply, and nothing brings it back"({ open, transport }) {
    const user = await newUser();
    const watched = open(user);
    const { chat } = watched;
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    assert.equal((await user.api("DELETE", `/api/conversations/${chat.id}`)).status, 204);
    await sending;
    assert.equal(watched.ended.isError, false);
    await until("the reply to be gone", async () => {
      return (await transport(user).reconnectToStream({ chatId: chat.id })) === null;
    });
    assert.equal((await user.api("GET", `/api/conversations/${chat.id}/messages`)).status, 404);
    assert.deepEqual((await user.api("GET", "/api/conversations")).body.items, []);
  },
};
