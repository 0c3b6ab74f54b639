import assert from "node:assert/strict";
import { assertStored, problemOf, stored, textOf } from "../lib/chat.js";
import { newUser, nobody } from "../lib/session.js";

const used = async (user) => (await user.api("GET", "/api/usage")).body.day.used;

export const errors = {
  async "an error midway keeps its text, says why, and can be had again"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:error" });
    assert.equal(chat.status, "error");
    assert.match(textOf(chat.lastMessage), /fails after these words/);
    assert.doesNotMatch(chat.error.message, /[{}]|https?:/, "plain words");
    const [question, reply] = await assertStored(user, chat);
    assert.equal(reply.metadata.status, "failed");
    await chat.sendMessage({ text: "calculate 3*3", messageId: question.id });
    assert.equal(chat.error, undefined);
    assert.match(textOf(chat.lastMessage), /9/);
    await assertStored(user, chat);
  },

  async "an error before the first word counts for nothing"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:refuse" });
    assert.equal(chat.status, "error");
    assert.deepEqual(
      chat.messages.map((message) => message.role),
      ["user"],
    );
    const [question] = await assertStored(user, chat);
    assert.equal(await used(user), 0);
    // What "try again" does, as applications have it.
    await chat.regenerate();
    assert.equal(chat.status, "error");
    await assertStored(user, chat);
    await chat.sendMessage({ text: "calculate 3*3", messageId: question.id });
    assert.equal(chat.error, undefined);
    await assertStored(user, chat);
  },

  async "a provider that breaks off ends the reply, which says so"({ open }) {
    const user = await newUser();
    const { chat, ...watched } = open(user);
    await chat.sendMessage({ text: "demo:cut" });
    assert.equal(chat.error, undefined);
    assert.equal(chat.status, "ready");
    assert.equal(chat.lastMessage.metadata.status, "interrupted");
    assert.equal(watched.ended?.isError ?? false, false);
    await assertStored(user, chat);
  },

  async "finish reasons"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    for (const [text, reason] of [
      ["demo:length", "length"],
      ["demo:filter", "content-filter"],
    ]) {
      await chat.sendMessage({ text });
      assert.equal(chat.error, undefined);
      assert.equal(chat.lastMessage.metadata.finishReason, reason);
    }
    await assertStored(user, chat);
  },

  async "a refused message leaves nothing behind, and says what was wrong"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "hello" }, { body: { modelId: "demo:no-such-model" } });
    assert.equal(chat.status, "error");
    const problem = problemOf(chat);
    assert.equal(problem.status, 422);
    assert.equal(problem.code, "invalid");
    assert.ok(problem.detail.length > 0);
    assert.deepEqual(
      problem.errors.map((error) => error.path),
      ["modelId"],
    );
    assert.equal((await user.api("GET", `/api/conversations/${chat.id}`)).status, 404);
    assert.equal(await used(user), 0);
    await chat.sendMessage({ text: "x".repeat(1_000_001) });
    assert.equal(problemOf(chat).code, "invalid");
  },

  async "without a session"({ open }) {
    for (const headers of [{}, { Authorization: "Bearer ory_st_not_a_token" }]) {
      const { chat } = open({ ...nobody, headers });
      await chat.sendMessage({ text: "hello" });
      assert.equal(problemOf(chat).code, "unauthenticated");
      await chat.resumeStream();
      assert.equal(problemOf(chat).code, "unauthenticated");
    }
  },

  async "the quota is reached"({ open }) {
    const user = await newUser();
    const { day } = (await user.api("GET", "/api/usage")).body;
    assert.ok(day.limit <= 12, `the server allows ${day.limit} messages a day; the test wants at most 12`);
    const { chat } = open(user);
    for (let i = 0; i < day.limit; i++) {
      await chat.sendMessage({ text: `demo:long ${i + 1}` });
      assert.equal(chat.error, undefined);
    }
    await chat.sendMessage({ text: "one more" });
    const problem = problemOf(chat);
    assert.equal(problem.code, "quota_day");
    assert.equal(problem.status, 429);
    assert.ok(problem.retryAfter > 0);
    assert.equal((await stored(user, chat.id)).length, 2 * day.limit);
    assert.equal((await user.api("GET", "/api/usage")).body.day.remaining, 0);
    chat.messages = chat.messages.slice(0, -1);
    await chat.regenerate();
    assert.equal(problemOf(chat).code, "quota_day");
    assert.equal((await stored(user, chat.id)).length, 2 * day.limit, "what cannot be made anew stays");
  },
};
