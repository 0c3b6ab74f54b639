import assert from "node:assert/strict";
import { assertStored, textOf } from "../lib/chat.js";
import { newUser } from "../lib/session.js";

const ids = (messages) => messages.map((message) => message.id);

/** The versions of a message, as the server lists them. */
async function versions(user, chat, id) {
  const { status, body } = await user.api("GET", `/api/conversations/${chat.id}/messages/${id}/siblings`);
  assert.equal(status, 200, JSON.stringify(body));
  return body.items;
}

export const branches = {
  async "a message is edited"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "calculate 1+1" });
    await chat.sendMessage({ text: "calculate 1+2" });
    const [question] = ids(chat.messages);
    await chat.sendMessage({ text: "calculate 2+3", messageId: question });
    assert.equal(chat.error, undefined);
    assert.match(textOf(chat.lastMessage), /5/);
    const messages = await assertStored(user, chat);
    assert.equal(messages.length, 2);
    assert.equal(messages[0].id, question);
    assert.equal(textOf(messages[0]), "calculate 2+3");
    const all = await versions(user, chat, question);
    assert.deepEqual(all.map(textOf), ["calculate 1+1", "calculate 2+3"]);
  },

  async "the last reply is made anew"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "calculate 1+1" });
    const [question, answer] = ids(chat.messages);
    await chat.regenerate();
    assert.equal(chat.error, undefined);
    assert.deepEqual(ids(chat.messages.slice(0, 1)), [question]);
    assert.equal(chat.messages.length, 2);
    assert.notEqual(chat.messages[1].id, answer);
    await assertStored(user, chat);
    assert.deepEqual(ids(await versions(user, chat, chat.messages[1].id)), [answer, chat.messages[1].id]);
  },

  async "a reply is made anew by its id"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "calculate 1+1" });
    const [question, answer] = ids(chat.messages);
    await chat.sendMessage({ text: "calculate 1+2" });
    await chat.regenerate({ messageId: answer });
    assert.equal(chat.error, undefined);
    assert.equal(chat.messages.length, 2);
    assert.equal(chat.messages[0].id, question);
    assert.notEqual(chat.messages[1].id, answer);
    assert.match(textOf(chat.lastMessage), /2/);
    await assertStored(user, chat);
    assert.deepEqual(ids(await versions(user, chat, chat.messages[1].id)), [answer, chat.messages[1].id]);
  },

  async "a reply is made anew by the id of the message before it"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "calculate 1+1" });
    const [question, answer] = ids(chat.messages);
    await chat.sendMessage({ text: "calculate 1+2" });
    await chat.regenerate({ messageId: question });
    assert.equal(chat.error, undefined);
    assert.equal(chat.messages.length, 2);
    assert.notEqual(chat.messages[1].id, answer);
    assert.match(textOf(chat.lastMessage), /2/);
    await assertStored(user, chat);
  },

  async "an earlier version is gone back to, and gone on with"({ open }) {
    const user = await newUser();
    const { chat } = open(user);
    await chat.sendMessage({ text: "My name is Ada." });
    const [question, answer] = ids(chat.messages);
    await chat.sendMessage({ text: "My name is Grace.", messageId: question });
    const [earlier] = await versions(user, chat, question);
    const { status, body } = await user.api(
      "POST",
      `/api/conversations/${chat.id}/messages/${earlier.id}/select`,
    );
    assert.equal(status, 200, JSON.stringify(body));
    const { chat: again } = open(user, { id: chat.id, messages: body.items });
    await assertStored(user, again);
    assert.equal(again.messages[1].id, answer);
    await again.sendMessage({ text: "What is my name?" });
    assert.match(textOf(again.lastMessage), /Ada/);
    await assertStored(user, again);
  },
};
