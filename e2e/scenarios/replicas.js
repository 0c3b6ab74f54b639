import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertStored, hasText, problemOf, textOf } from "../lib/chat.js";
import { otherServer, terminate } from "../lib/env.js";
import { newUser, onAnotherDevice } from "../lib/session.js";
import { when } from "../lib/wait.js";

const whole = /^One word every .* ten\.$/;

const used = async (user) => (await user.api("GET", "/api/usage")).body.day.used;

export const replicas = {
  async "a replica ends midway: its client is told, and resumes at another"({ ending, open, resumed }) {
    const user = await newUser();
    const watched = open(user.at(ending));
    const { chat } = watched;
    const sending = chat.sendMessage({ text: "demo:slow 300" });
    await when(chat, hasText);
    await terminate(ending);
    await sending;
    assert.equal(chat.status, "error", "the stream is cut, not ended");
    assert.deepEqual(
      watched.data.map(({ type }) => type),
      ["data-resume"],
    );
    const { chat: again, texts } = await resumed(user, chat.id);
    assert.equal(again.error, undefined);
    assert.ok(texts.length >= 2, "it is followed live");
    assert.match(textOf(again.lastMessage), whole);
    const [, reply] = await assertStored(user, again);
    assert.equal(reply.metadata.status, "complete");
    assert.equal(await used(user), 1);
    await again.sendMessage({ text: "calculate 1+1" });
    assert.equal(again.error, undefined);
    await assertStored(user, again);
  },

  async "a second device joins at another replica"({ open, resumed }) {
    const user = await newUser();
    const device = (await onAnotherDevice(user)).at(otherServer);
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:slow 200" });
    await when(chat, hasText);
    const { chat: joined, texts } = await resumed(device, chat.id);
    await sending;
    assert.equal(joined.error, undefined);
    assert.ok(texts.length >= 2, "it is followed live");
    assert.match(textOf(joined.lastMessage), whole);
    assert.deepEqual(joined.lastMessage, chat.lastMessage);
    await assertStored(user, chat);
    await assertStored(device, joined);
  },

  async "a reply is left and resumed at another replica, and back"({ open, resumed, transport }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:slow 200" });
    await when(chat, hasText);
    await chat.stop();
    await sending;
    const leaving = new AbortController();
    const elsewhere = user.at(otherServer);
    const { chat: once } = open(elsewhere, {
      id: chat.id,
      messages: chat.messages.slice(0, 1),
      transport: transport(elsewhere, {
        fetch: (url, init) => fetch(url, { ...init, signal: leaving.signal }),
      }),
    });
    const following = once.resumeStream();
    await when(once, hasText);
    leaving.abort();
    await following;
    const { chat: back } = await resumed(user, chat.id);
    assert.match(textOf(back.lastMessage), whole);
    await assertStored(elsewhere, back);
  },

  async "a reply is stopped from another replica"({ open }) {
    const user = await newUser();
    const elsewhere = user.at(otherServer);
    const watched = open(user);
    const { chat } = watched;
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { status, body } = await elsewhere.api("POST", `/api/ai/${chat.id}/stop`);
    assert.equal(status, 200);
    assert.deepEqual(body, { stopped: true });
    await sending;
    assert.equal(watched.ended.isError, false);
    const [, reply] = await assertStored(elsewhere, chat);
    assert.equal(reply.metadata.status, "aborted");
    const { chat: next } = open(elsewhere, { id: chat.id, messages: chat.messages });
    await next.sendMessage({ text: "calculate 40+2" });
    assert.match(textOf(next.lastMessage), /42/);
    await assertStored(user, next);
  },

  async "a message posted to two replicas is one message and one reply"({ open }) {
    const user = await newUser();
    const message = { id: randomUUID(), role: "user", parts: [{ type: "text", text: "demo:slow 200" }] };
    const { chat } = open(user);
    const { chat: same } = open(user.at(otherServer), { id: chat.id });
    await Promise.all([chat.sendMessage({ ...message }), same.sendMessage({ ...message })]);
    assert.equal(chat.error, undefined);
    assert.equal(same.error, undefined);
    assert.deepEqual(same.lastMessage, chat.lastMessage);
    assert.equal((await assertStored(user, chat)).length, 2);
    assert.equal(await used(user), 1);
  },

  async "no second reply begins at another replica"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { chat: second } = open(user.at(otherServer), { id: chat.id });
    await second.sendMessage({ text: "me too" });
    assert.equal(problemOf(second).code, "run_active");
    assert.equal(problemOf(second).runId, chat.lastMessage.metadata.runId);
    await user.at(otherServer).api("POST", `/api/ai/${chat.id}/stop`);
    await sending;
    assert.equal((await assertStored(user, chat)).length, 2);
  },

  async "deleting the conversation at another replica ends its reply"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const elsewhere = user.at(otherServer);
    assert.equal((await elsewhere.api("DELETE", `/api/conversations/${chat.id}`)).status, 204);
    await sending;
    for (const who of [user, elsewhere]) {
      assert.equal((await who.api("GET", `/api/conversations/${chat.id}/messages`)).status, 404);
    }
  },
};
