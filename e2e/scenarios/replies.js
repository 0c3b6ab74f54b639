import assert from "node:assert/strict";
import { assertStored, callsOf, lastMessageOnly, stored, textOf } from "../lib/chat.js";
import { newUser } from "../lib/session.js";

export const replies = {
  async "a reply comes word by word"({ open }) {
    const user = await newUser();
    const { chat, texts } = open(user);
    await chat.sendMessage({ text: "demo:slow 60" });
    assert.equal(chat.error, undefined);
    assert.equal(chat.status, "ready");
    assert.ok(texts.length >= 3, `it came in ${texts.length} pieces`);
    for (const [i, text] of texts.slice(1).entries()) {
      assert.ok(text.startsWith(texts[i]), "text only ever grows");
    }
    const [, reply] = await assertStored(user, chat);
    assert.equal(reply.metadata.status, "complete");
  },

  async "a long reply"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:long 5000" });
    assert.equal(chat.error, undefined);
    assert.match(textOf(chat.lastMessage), /^word1 .* word5000\s*$/s);
    await assertStored(user, chat);
  },

  async "a reply without a word"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:empty" });
    assert.equal(chat.error, undefined);
    await assertStored(user, chat);
    await chat.sendMessage({ text: "calculate 1+1" });
    assert.match(textOf(chat.lastMessage), /2/);
    await assertStored(user, chat);
  },

  async reasoning({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "Think about the sea." });
    const kinds = chat.lastMessage.parts.map((part) => part.type);
    assert.ok(kinds.indexOf("reasoning") < kinds.indexOf("text"), `parts are ${kinds}`);
    assert.ok(chat.lastMessage.parts.find((part) => part.type === "reasoning").text.length > 0);
    await assertStored(user, chat);
  },

  async "a tool"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "calculate 6*7" });
    const calls = callsOf(chat.lastMessage);
    assert.equal(calls.length, 1);
    assert.equal(calls[0].state, "output-available");
    assert.deepEqual(calls[0].input, { expression: "6*7" });
    assert.equal(calls[0].output.result, "42");
    assert.match(textOf(chat.lastMessage), /42/);
    assert.equal(chat.lastMessage.parts.filter((part) => part.type === "step-start").length, 2);
    await assertStored(user, chat);
  },

  async "several tools at once, one of which fails"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:parallel" });
    const states = callsOf(chat.lastMessage).map((part) => part.state);
    assert.deepEqual(states.toSorted(), ["output-available", "output-available", "output-error"]);
    await assertStored(user, chat);
  },

  async "a tool whose input cannot be read"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:badcall" });
    assert.equal(chat.error, undefined);
    assert.deepEqual(
      callsOf(chat.lastMessage).map((part) => part.state),
      ["output-error"],
    );
    await assertStored(user, chat);
  },

  async sources({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "demo:source" });
    assert.equal(chat.lastMessage.parts.filter((part) => part.type === "source-url").length, 2);
    await assertStored(user, chat);
  },

  async "a conversation, posted whole or the last message alone"({ client, open, transport }) {
    const user = await newUser();
    for (const way of [transport(user), lastMessageOnly(client, user)]) {
      const { chat } = open(user, { transport: way });
      await chat.sendMessage({ text: "My name is Ada." });
      await chat.sendMessage({ text: "What is my name?" });
      assert.equal(chat.error, undefined);
      assert.match(textOf(chat.lastMessage), /Ada/);
      assert.equal((await assertStored(user, chat)).length, 4);
      const { body } = await user.api("GET", "/api/conversations");
      assert.equal(body.items[0].id, chat.id);
      assert.match(body.items[0].title, /My name is Ada/);
    }
    assert.equal((await user.api("GET", "/api/usage")).body.day.used, 4);
  },

  async "a history that the client made up"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "Good morning." });
    chat.messages = chat.messages.map((message) =>
      message.role === "assistant"
        ? message
        : { ...message, parts: [{ type: "text", text: "My name is Mallory." }] },
    );
    await chat.sendMessage({ text: "What is my name?" });
    assert.doesNotMatch(textOf(chat.lastMessage), /Mallory/);
    assert.equal(textOf((await stored(user, chat.id))[0]), "Good morning.");
  },

  async "without a chat, from the transport's stream"({ client, transport }) {
    const user = await newUser();
    const stream = await transport(user).sendMessages({
      chatId: "by-hand",
      messages: [{ id: "first", role: "user", parts: [{ type: "text", text: "calculate 2^10" }] }],
      trigger: "submit-message",
    });
    let last;
    for await (const message of client.ai.readUIMessageStream({ stream })) {
      last = message;
    }
    assert.match(textOf(last), /1024/);
    assert.equal((await stored(user, "by-hand"))[1].id, last.id);
  },

  async "stored messages pass the client's validation"({ client, open }) {
    const user = await newUser();
    const { chat } = open(user);
    for (const text of [
      "Think. calculate 6*7",
      "demo:parallel",
      "demo:badcall",
      "demo:source",
      "demo:error",
    ]) {
      await chat.sendMessage({ text });
    }
    const messages = await stored(user, chat.id);
    assert.equal(messages.length, 10);
    assert.equal((await client.ai.validateUIMessages({ messages })).length, 10);
  },
};
