import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { assertStored, callsOf, hasText, problemOf, stored, textOf } from "../lib/chat.js";
import { helper, otherServer } from "../lib/env.js";
import { newUser } from "../lib/session.js";
import { when } from "../lib/wait.js";

const body = { modelId: "openai:caller" };

/** Somebody with a server whose tool deletes files, and asks first. */
async function withFiles() {
  const user = await newUser();
  const { status, body } = await user.api("POST", "/api/mcp/servers", {
    name: "Files",
    url: `${helper}/mcp`,
  });
  assert.equal(status, 201, JSON.stringify(body));
  return user;
}

/** Names of files that nobody else deletes. */
const files = () => [randomUUID(), randomUUID()];

const states = (message) => callsOf(message).map((part) => part.state);

const unknown =
  "5 does not know the chunk `tool-approval-request` and ends the stream with an error. The call is stored as asked for and is not made; " +
  "sending another message leaves it undone.";

/** What happens where the client cannot ask. */
async function unasked(chat, user, [kept]) {
  assert.equal(chat.status, "error");
  const [, reply] = await stored(user, chat.id);
  assert.deepEqual(states(reply), ["approval-requested", "approval-requested"]);
  chat.messages = await stored(user, chat.id);
  await chat.sendMessage({ text: "Never mind." }, { body });
  assert.equal(chat.error, undefined);
  assert.equal(textOf(chat.lastMessage), "Yes.");
  await chat.sendMessage({ text: `delete ${kept} ${randomUUID()}` }, { body });
  assert.equal(chat.status, "error");
  return unknown;
}

export const approval = {
  async "tools ask first; one call is approved, one denied"({ client, open }) {
    const user = await withFiles();
    const [gone, kept] = files();
    const { chat } = open(user, {
      sendAutomaticallyWhen: client.ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    await chat.sendMessage({ text: `delete ${gone} ${kept}` }, { body });
    if (!client.asks) {
      return unasked(chat, user, [kept]);
    }
    assert.equal(chat.error, undefined);
    assert.deepEqual(states(chat.lastMessage), ["approval-requested", "approval-requested"]);
    assert.equal(chat.lastMessage.metadata.finishReason, "tool-calls");
    const [, asked] = await assertStored(user, chat);

    const [first, second] = callsOf(chat.lastMessage).map((part) => part.approval.id);
    await chat.addToolApprovalResponse({ id: first, approved: true });
    assert.equal(chat.status, "ready", "nothing is sent before all are answered");
    await chat.addToolApprovalResponse({ id: second, approved: false, reason: "It is needed." });
    await when(chat, ({ status }) => status === "ready" || status === "error");
    assert.equal(chat.error, undefined);
    assert.equal(chat.messages.length, 2);
    assert.equal(chat.lastMessage.id, asked.id);
    assert.deepEqual(states(chat.lastMessage), ["output-available", "output-denied"]);
    const [made] = callsOf(chat.lastMessage);
    assert.match(JSON.stringify(made.output), new RegExp(`${gone}.*times\\D*1\\D`));
    assert.match(textOf(chat.lastMessage), /all of it is done/);
    await assertStored(user, chat);
  },

  async "a reply that goes on after an approval is resumed"({ client, open, resumed }) {
    const user = await withFiles();
    const { chat } = open(user);
    const paths = files();
    await chat.sendMessage({ text: `delete ${paths.join(" ")}` }, { body });
    if (!client.asks) {
      return unasked(chat, user, paths);
    }
    for (const part of callsOf(chat.lastMessage)) {
      await chat.addToolApprovalResponse({ id: part.approval.id, approved: true });
    }
    const sending = chat.sendMessage(undefined, { body });
    await when(chat, hasText);
    await chat.stop();
    await sending;

    const { chat: again } = await resumed(user, chat.id);
    assert.equal(again.error, undefined);
    assert.deepEqual(states(again.lastMessage), ["output-available", "output-available"]);
    assert.match(textOf(again.lastMessage), /all of it is done/);
    await assertStored(user, again, { answers: false });
  },

  async "an approval is given at another replica"({ client, open }) {
    const user = await withFiles();
    const { chat } = open(user);
    const paths = files();
    await chat.sendMessage({ text: `delete ${paths.join(" ")}` }, { body });
    if (!client.asks) {
      return unasked(chat, user, paths);
    }
    const { chat: there } = open(user.at(otherServer), {
      id: chat.id,
      messages: await stored(user, chat.id),
    });
    for (const part of callsOf(there.lastMessage)) {
      await there.addToolApprovalResponse({ id: part.approval.id, approved: true });
    }
    await there.sendMessage(undefined, { body });
    assert.equal(there.error, undefined);
    assert.deepEqual(states(there.lastMessage), ["output-available", "output-available"]);
    await assertStored(user, there);
    // The first page still has the requests; what it answers comes too late.
    for (const part of callsOf(chat.lastMessage)) {
      await chat.addToolApprovalResponse({ id: part.approval.id, approved: true });
    }
    await chat.sendMessage(undefined, { body });
    assert.equal(problemOf(chat).code, "conflict");
  },
};
