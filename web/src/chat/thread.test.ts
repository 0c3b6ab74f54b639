import { beforeEach, describe, expect, it, vi } from "vitest";
import { problemFromChat } from "~/api/problem";
import { getDraft, newChatDraft, setDraft } from "./drafts";
import type { ChatMessage } from "./message";
import { textOf } from "./message";
import { Thread } from "./thread";

type Answer = () => Response | Promise<Response>;

/** Answers requests by method and path; what is not foreseen fails like a network that is away. */
let answers: Record<string, Answer>;
const sent: { key: string; body: Record<string, unknown> | undefined }[] = [];

const json =
  (body: unknown, status = 200) =>
  () =>
    new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const refuse = (status: number, code: string) =>
  json({ code, status, title: code, detail: `Sorry: ${code}.` }, status);
const message = (id: string, role: "user" | "assistant", text: string): ChatMessage => ({
  id,
  role,
  parts: [{ type: "text", text }],
});

function stream(id: string, text: string): Answer {
  const chunks = [
    { type: "start", messageId: id },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: text },
    { type: "text-end", id: "t" },
    { type: "finish" },
  ];
  const body = `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`;
  return () => new Response(body, { headers: { "content-type": "text/event-stream" } });
}

beforeEach(() => {
  answers = {};
  sent.length = 0;
  setDraft(newChatDraft, "");
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(new URL(input instanceof Request ? input.url : input, "http://app.test"), {
      method: input instanceof Request ? input.method : init?.method,
    });
    const key = `${request.method} ${new URL(request.url).pathname}`;
    sent.push({ key, body: typeof init?.body === "string" ? JSON.parse(init.body) : undefined });
    const answer = answers[key];
    if (!answer) {
      throw new TypeError("Failed to fetch");
    }
    return answer();
  });
});

describe("a conversation", () => {
  it("sends the new message alone, with the chosen model", async () => {
    const items = [message("u0", "user", "before"), message("a0", "assistant", "yes")];
    const thread = new Thread("c1", { items });
    answers["POST /api/ai"] = stream("a1", "hello");
    await thread.send("hi", { modelId: "m", reasoningEffort: "low" });
    expect(sent.find(({ key }) => key === "POST /api/ai")?.body).toMatchObject({
      id: "c1",
      modelId: "m",
      reasoningEffort: "low",
      trigger: "submit-message",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
    });
    expect(thread.chat.messages.map(textOf)).toEqual(["before", "yes", "hi", "hello"]);
  });

  it("is stored once its first message was accepted", async () => {
    const thread = new Thread("c2");
    expect(thread.stored).toBe(false);
    answers["POST /api/ai"] = stream("a1", "hello");
    await thread.send("hi", {});
    expect(thread.stored).toBe(true);
  });

  it("gives a refused message back as a draft", async () => {
    const thread = new Thread("c3");
    answers["POST /api/ai"] = refuse(429, "quota_day");
    await thread.send("too much", {});
    expect(thread.chat.messages).toEqual([]);
    expect(getDraft(newChatDraft)).toBe("too much");
    expect(problemFromChat(thread.chat.error as Error).code).toBe("quota_day");
  });
});

describe("after the connection broke", () => {
  it("a message that never arrived becomes a draft", async () => {
    const items = [message("u0", "user", "before"), message("a0", "assistant", "yes")];
    const thread = new Thread("c4", { items });
    await thread.send("lost", {});
    expect(thread.chat.status).toBe("error");
    answers["GET /api/conversations/c4/messages"] = json({ items, nextCursor: null });
    answers["GET /api/ai/c4/stream"] = () => new Response(null, { status: 204 });
    await thread.refresh();
    expect(thread.chat.messages.map((m) => m.id)).toEqual(["u0", "a0"]);
    expect(getDraft("c4")).toBe("lost");
    expect(thread.chat.error).toBeUndefined();
  });

  it("the first message of a conversation that does not exist becomes a draft", async () => {
    const thread = new Thread("c5");
    await thread.send("lost", {});
    answers["GET /api/conversations/c5/messages"] = refuse(404, "not_found");
    await thread.refresh();
    expect(thread.stored).toBe(false);
    expect(thread.chat.messages).toEqual([]);
    expect(getDraft(newChatDraft)).toBe("lost");
  });

  it("a reply that goes on is followed", async () => {
    const thread = new Thread("c6");
    await thread.send("arrived", {});
    const mine = thread.chat.messages[0] as ChatMessage;
    answers["GET /api/conversations/c6/messages"] = json({ items: [mine], nextCursor: null });
    answers["GET /api/ai/c6/stream"] = stream("a1", "still here");
    await thread.refresh();
    expect(thread.chat.messages.map(textOf)).toEqual(["arrived", "still here"]);
    expect(getDraft("c6")).toBe("");
  });

  it("a reply that ended meanwhile is loaded", async () => {
    const thread = new Thread("c7");
    await thread.send("arrived", {});
    const mine = thread.chat.messages[0] as ChatMessage;
    let loads = 0;
    answers["GET /api/conversations/c7/messages"] = () =>
      json({
        items: loads++ === 0 ? [mine] : [mine, message("a1", "assistant", "done")],
        nextCursor: null,
      })();
    answers["GET /api/ai/c7/stream"] = () => new Response(null, { status: 204 });
    await thread.refresh();
    expect(thread.chat.messages.map(textOf)).toEqual(["arrived", "done"]);
  });
});
