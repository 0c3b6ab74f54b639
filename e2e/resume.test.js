import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chatOf, partsOf, stored, textOf, transportOf, when } from "./lib/chat.js";
import { newUser, signInAgain } from "./lib/session.js";

const hasText = (chat) => chat.lastMessage?.role === "assistant" && textOf(chat.lastMessage).length > 0;

describe("a running reply", { concurrency: 3 }, () => {
  it("goes on when the client leaves, and is resumed from its beginning on another device", async () => {
    const user = await newUser();
    const { chat } = chatOf(user);
    const sending = chat.sendMessage({ text: "demo:slow 150" });
    await when(chat, hasText);
    // Only ends the request: the reply does not depend on anybody listening.
    await chat.stop();
    await sending;

    const other = await signInAgain(user);
    const before = await stored(other, chat.id);
    assert.deepEqual(
      before.map((m) => m.role),
      ["user"],
      "an unfinished reply is not listed",
    );
    const listed = await other.api("GET", `/api/conversations/${chat.id}`);
    assert.equal(listed.body.running, true);

    const { chat: resumed, texts } = chatOf(other, { id: chat.id, messages: before });
    await resumed.resumeStream();
    assert.equal(resumed.error, undefined);
    assert.ok(texts.length >= 2, "it is followed live");
    assert.match(textOf(resumed.lastMessage), /^One word every .* ten\.$/);
    const after = await stored(other, chat.id);
    assert.deepEqual(
      after.map((m) => m.id),
      resumed.messages.map((m) => m.id),
    );
    assert.deepEqual(after[1].parts, partsOf(resumed.lastMessage));
    assert.equal(
      await transportOf(other).reconnectToStream({ chatId: chat.id }),
      null,
      "then nothing is running",
    );
  });

  it("is nothing to resume where none is, and nobody else's", async () => {
    const [user, stranger] = [await newUser(), await newUser()];
    assert.equal(await transportOf(user).reconnectToStream({ chatId: "never-heard-of" }), null);
    const { chat } = chatOf(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    assert.equal(await transportOf(stranger).reconnectToStream({ chatId: chat.id }), null);
    assert.equal((await stranger.api("GET", `/api/conversations/${chat.id}/messages`)).status, 404);
    await stranger.api("POST", `/api/ai/${chat.id}/stop`);
    assert.equal(chat.status, "streaming", "nobody else can stop it");
    await user.api("POST", `/api/ai/${chat.id}/stop`);
    await sending;
  });

  it("is stopped by a call of its own, and what there was of it is kept", async () => {
    const user = await newUser();
    const watched = chatOf(user);
    const { chat } = watched;
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { status, body } = await user.api("POST", `/api/ai/${chat.id}/stop`);
    assert.equal(status, 200);
    assert.deepEqual(body, { stopped: true });
    await sending;
    assert.equal(watched.ended.isError, false);
    const [, reply] = await stored(user, chat.id);
    assert.equal(reply.metadata.status, "aborted");
    assert.equal(textOf(reply), textOf(chat.lastMessage));
    await chat.sendMessage({ text: "calculate 40+2" });
    assert.match(textOf(chat.lastMessage), /42/);
  });

  it("lets no second one begin beside it", async () => {
    const user = await newUser();
    const { chat } = chatOf(user);
    const sending = chat.sendMessage({ text: "demo:stall" });
    await when(chat, hasText);
    const { chat: second } = chatOf(user, { id: chat.id });
    await second.sendMessage({ text: "me too" });
    const problem = JSON.parse(second.error.message);
    assert.equal(problem.status, 409);
    assert.equal(problem.code, "run_active");
    assert.equal(problem.runId, chat.lastMessage.metadata.runId);
    await user.api("POST", `/api/ai/${chat.id}/stop`);
    await sending;
    assert.equal((await stored(user, chat.id)).length, 2);
  });
});
