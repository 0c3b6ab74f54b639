import { beforeEach, describe, expect, it, vi } from "vitest";
import { problemFromChat } from "~/api/problem";
import { type Draft, editDraft, forgetDrafts, getDraft, newChatDraft, outboxDraft, setDraft } from "./drafts";
import type { ChatMessage } from "./message";
import { textOf } from "./message";
import { reveal } from "./reveal";
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

const draft = (text: string): Draft => ({ text, files: [] });
const page = (items: ChatMessage[]) => json({ items, nextCursor: null });
const nothing = () => new Response(null, { status: 204 });

/** A whole stream, or one that breaks off before its end. */
function stream(id: string, text: string, whole = true): Answer {
  const chunks = [
    { type: "start", messageId: id },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: text },
    ...(whole ? [{ type: "text-end", id: "t" }, { type: "finish" }] : []),
  ];
  const lines = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
  const body = whole ? `${lines}data: [DONE]\n\n` : breakingOff(lines);
  return () => new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** Says something, and is gone once that was read. */
function breakingOff(lines: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(lines));
      setTimeout(() => controller.close(), 30);
    },
  });
}

/** Answers requests one after the other; the last answer stays. */
function inTurn(...all: Answer[]): Answer {
  return () => (all.length > 1 ? (all.shift() as Answer) : (all[0] as Answer))();
}

/** Waits until a thread has taken its reply up again, or given up. */
async function recovered(thread: Thread): Promise<void> {
  await vi.waitFor(() => expect(thread.recovery.get().state).not.toBe("idle"));
  await vi.waitFor(() => {
    thread.retry();
    expect(thread.recovery.get().state).toBe("idle");
  });
}

beforeEach(() => {
  answers = {};
  sent.length = 0;
  forgetDrafts();
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

const posted = () => sent.filter(({ key }) => key === "POST /api/ai").map(({ body }) => body);
const before = [message("u0", "user", "before"), message("a0", "assistant", "yes")];

describe("a conversation", () => {
  it("sends the new message alone, with its files and the chosen model", async () => {
    const thread = new Thread("c1", { items: before });
    answers["POST /api/ai"] = stream("a1", "hello");
    const file = { id: "f", name: "a.png", mediaType: "image/png", size: 1, url: "/api/attachments/f" };
    await thread.send({ text: "hi", files: [file] }, { modelId: "m", reasoningEffort: "low" });
    expect(posted()[0]).toMatchObject({
      id: "c1",
      modelId: "m",
      reasoningEffort: "low",
      trigger: "submit-message",
      messages: [
        {
          role: "user",
          parts: [
            { type: "file", mediaType: "image/png", url: "/api/attachments/f", filename: "a.png" },
            { type: "text", text: "hi" },
          ],
        },
      ],
    });
    expect(thread.chat.messages.map(textOf)).toEqual(["before", "yes", "hi", "hello"]);
  });

  it("is stored once its first message was accepted", async () => {
    const thread = new Thread("c2");
    expect(thread.stored).toBe(false);
    answers["POST /api/ai"] = stream("a1", "hello");
    await thread.send(draft("hi"), {});
    expect(thread.stored).toBe(true);
    expect(getDraft(outboxDraft("c2")).text).toBe("");
  });

  it("gives a refused message back as a draft", async () => {
    const thread = new Thread("c3");
    answers["POST /api/ai"] = refuse(429, "quota_day");
    await thread.send(draft("too much"), {});
    expect(thread.chat.messages).toEqual([]);
    expect(getDraft(newChatDraft).text).toBe("too much");
    expect(problemFromChat(thread.chat.error as Error).code).toBe("quota_day");
  });

  it("keeps a stored message where it is when a new reply to it is refused", async () => {
    const thread = new Thread("c4", { items: before });
    answers["POST /api/ai"] = refuse(429, "rate_limited");
    await thread.regenerate({});
    expect(thread.chat.messages.map((m) => m.id)).toEqual(["u0", "a0"]);
    expect(getDraft("c4").text).toBe("");
  });

  it("gives back as a draft what was on its way when the page was closed", () => {
    setDraft(outboxDraft("c5"), { text: "on its way" });
    setDraft(outboxDraft("c6"), { text: "before" });
    new Thread("c5", { items: before });
    new Thread("c6", { items: before });
    expect(getDraft("c5").text).toBe("on its way");
    expect(getDraft("c6").text).toBe("");
  });
});

describe("another version of a message", () => {
  it("takes the place of the first, under the same id", async () => {
    const thread = new Thread("c1", { items: before });
    answers["POST /api/ai"] = stream("a1", "no");
    await thread.edit(before[0] as ChatMessage, "after", {});
    expect(posted()[0]).toMatchObject({
      messageId: "u0",
      messages: [{ id: "u0", parts: [{ text: "after" }] }],
    });
    expect(thread.chat.messages.map(textOf)).toEqual(["after", "no"]);
  });

  it("that is refused is written on, with everything as it was", async () => {
    const thread = new Thread("c2", { items: before });
    answers["POST /api/ai"] = refuse(503, "busy");
    await thread.edit(before[0] as ChatMessage, "after", {});
    expect(thread.chat.messages).toEqual(before);
    expect(thread.editing.get()).toBe("u0");
    expect(getDraft(editDraft("u0")).text).toBe("after");
  });

  it("is shown with what follows it", async () => {
    const thread = new Thread("c3", { items: before });
    const other = [message("u0b", "user", "other"), message("a0b", "assistant", "perhaps")];
    const version = (id: string, position: number) => ({ id, position, current: id === "u0" });
    answers["GET /api/conversations/c3/messages/u0/siblings"] = json({
      items: [version("u0b", 1), version("u0", 2)],
    });
    answers["POST /api/conversations/c3/messages/u0b/select"] = page(other);
    await thread.flip(before[0] as ChatMessage, -1);
    expect(thread.chat.messages.map(textOf)).toEqual(["other", "perhaps"]);
  });
});

describe("requests for approval", () => {
  const call = (id: string) =>
    ({
      type: "dynamic-tool",
      toolName: "t",
      toolCallId: id,
      state: "approval-requested",
      input: {},
      approval: { id },
    }) as ChatMessage["parts"][number];
  const asking: ChatMessage = { id: "a1", role: "assistant", parts: [call("x"), call("y")] };

  it("are answered together", async () => {
    const thread = new Thread("c1", { items: [...before, asking] });
    answers["POST /api/ai"] = stream("a1", "done");
    await thread.decide("x", { approved: true }, {});
    expect(posted()).toEqual([]);
    await thread.decide("y", { approved: false, reason: "no" }, { modelId: "m" });
    expect(posted()[0]).toMatchObject({
      messageId: "a1",
      modelId: "m",
      messages: [
        {
          id: "a1",
          role: "assistant",
          parts: [
            { approval: { id: "x", approved: true } },
            { approval: { id: "y", approved: false, reason: "no" } },
          ],
        },
      ],
    });
    expect(thread.chat.messages.at(-1)?.parts.length).toBe(3);
  });

  it("can be answered otherwise until then, and again if the server was busy", async () => {
    const thread = new Thread("c2", { items: [asking] });
    answers["POST /api/ai"] = refuse(503, "busy");
    await thread.decide("x", { approved: true }, {});
    await thread.decide("x", undefined, {});
    await thread.decide("y", { approved: true }, {});
    expect(posted()).toEqual([]);
    await thread.decide("x", { approved: false }, {});
    expect(posted().length).toBe(1);
    expect(thread.chat.messages).toEqual([asking]);
    expect(thread.decisionsWaiting).toBe(true);
  });
});

describe("after the connection broke", () => {
  it("a message that never arrived becomes a draft", async () => {
    const thread = new Thread("c4", { items: before });
    await thread.send(draft("lost"), {});
    expect(thread.chat.status).toBe("error");
    answers["GET /api/conversations/c4/messages"] = page(before);
    answers["GET /api/ai/c4/stream"] = nothing;
    await recovered(thread);
    expect(thread.chat.messages.map((m) => m.id)).toEqual(["u0", "a0"]);
    expect(getDraft("c4").text).toBe("lost");
    expect(thread.chat.error).toBeUndefined();
  });

  it("the first message of a conversation that does not exist becomes a draft", async () => {
    const thread = new Thread("c5");
    answers["GET /api/conversations/c5/messages"] = refuse(404, "not_found");
    await thread.send(draft("lost"), {});
    await recovered(thread);
    expect(thread.stored).toBe(false);
    expect(thread.chat.messages).toEqual([]);
    expect(getDraft(newChatDraft).text).toBe("lost");
  });

  it("a reply is taken up again, and what was there stays in sight", async () => {
    const thread = new Thread("c6", { items: before });
    const asked = () => thread.chat.messages.slice(0, 3);
    answers["POST /api/ai"] = stream("a1", "still", false);
    answers["GET /api/conversations/c6/messages"] = () => page(asked())();
    answers["GET /api/ai/c6/stream"] = stream("a1", "still here");
    await thread.send(draft("arrived"), {});
    await vi.waitFor(() =>
      expect(thread.held.get()?.map(textOf)).toEqual(["before", "yes", "arrived", "still"]),
    );
    await recovered(thread);
    expect(thread.chat.messages.map(textOf)).toEqual(["before", "yes", "arrived", "still here"]);
    expect(thread.held.get()).toBeUndefined();
  });

  it("a reply that ended meanwhile is loaded", async () => {
    const thread = new Thread("c7", { items: [] });
    answers["POST /api/ai"] = stream("a1", "half", false);
    let mine: ChatMessage | undefined;
    answers["GET /api/conversations/c7/messages"] = () => {
      mine ??= thread.chat.messages[0];
      return page([mine as ChatMessage, message("a1", "assistant", "done")])();
    };
    answers["GET /api/ai/c7/stream"] = nothing;
    await thread.send(draft("arrived"), {});
    await recovered(thread);
    expect(thread.chat.messages.map(textOf)).toEqual(["arrived", "done"]);
  });

  it("it is tried again while the server is away", async () => {
    const thread = new Thread("c8", { items: before });
    answers["POST /api/ai"] = stream("a1", "half", false);
    answers["GET /api/conversations/c8/messages"] = inTurn(
      refuse(503, "unavailable"),
      () => Promise.reject(new TypeError("Failed to fetch")),
      () => page(thread.chat.messages.slice(0, 3))(),
    );
    answers["GET /api/ai/c8/stream"] = inTurn(
      refuse(503, "resume_unavailable"),
      stream("a1", "half and whole"),
    );
    await thread.send(draft("arrived"), {});
    await recovered(thread);
    expect(thread.chat.messages.map(textOf).at(-1)).toBe("half and whole");
  });

  it("a reply that goes on after an approval keeps what was there before", async () => {
    const parts = [
      { type: "text", text: "May I?" },
      {
        type: "dynamic-tool",
        toolName: "t",
        toolCallId: "x",
        state: "approval-responded",
        input: {},
        approval: { id: "x", approved: true },
      },
    ] as ChatMessage["parts"];
    const thread = new Thread("c9", { items: [...before, { id: "a1", role: "assistant", parts }] });
    answers["GET /api/ai/c9/stream"] = stream("a1", "done");
    await thread.follow();
    expect(thread.chat.lastMessage && textOf(thread.chat.lastMessage)).toBe("May I?\n\ndone");
  });
});

describe("a message that is to be seen", () => {
  const version = (id: string, current: boolean) => ({
    ...message(id, "assistant", id),
    position: 1,
    current,
  });

  it("is brought from older pages, drawn once", async () => {
    const thread = new Thread("c1", { items: before, nextCursor: "p2" });
    answers["GET /api/conversations/c1/messages/m1/siblings"] = page([version("m1", true)]);
    answers["GET /api/conversations/c1/messages"] = inTurn(
      json({ items: [message("m2", "user", "later")], nextCursor: "p3" }),
      json({ items: [message("m1", "assistant", "first")], nextCursor: "p4" }),
    );
    let drawn = 0;
    const stop = thread.view.subscribe(() => drawn++);
    await reveal(thread, "m1");
    await vi.waitFor(() => expect(drawn).toBe(1));
    stop();
    expect(thread.chat.messages.map(({ id }) => id)).toEqual(["m1", "m2", "u0", "a0"]);
    expect(thread.older).toBe("p4");
  });

  it("is brought by showing its version", async () => {
    const thread = new Thread("c1", { items: before });
    answers["GET /api/conversations/c1/messages/a9/siblings"] = page([version("a9", false)]);
    answers["POST /api/conversations/c1/messages/a9/select"] = page([
      message("u0", "user", "before"),
      message("a9", "assistant", "no"),
    ]);
    await reveal(thread, "a9");
    expect(thread.chat.messages.map(textOf)).toEqual(["before", "no"]);
  });

  it("is asked for only if it is not there", async () => {
    await reveal(new Thread("c1", { items: before }), "a0");
    expect(sent).toEqual([]);
  });

  it("may be gone", async () => {
    const thread = new Thread("c1", { items: before });
    answers["GET /api/conversations/c1/messages/x/siblings"] = refuse(404, "not_found");
    await expect(reveal(thread, "x")).rejects.toMatchObject({ code: "not_found" });
    expect(thread.chat.messages.map(({ id }) => id)).toEqual(["u0", "a0"]);
  });
});

describe("a temporary chat", () => {
  it("says so with each message and stores nothing in the browser", async () => {
    const thread = new Thread("t1", undefined, true);
    answers["POST /api/ai"] = inTurn(stream("a1", "hello"), stream("a2", "again"), refuse(429, "quota_day"));
    await thread.send(draft("secret"), {});
    expect(thread.stored).toBe(true);
    const mine = thread.chat.messages[0] as ChatMessage;
    await thread.edit(mine, "other secret", {});
    await thread.send(draft("third secret"), {});
    expect(posted().map((body) => body?.temporary)).toEqual([true, true, true]);
    expect(getDraft(thread.draftKey).text).toBe("third secret");
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it("that is closed in the middle of a reply is empty, and takes nothing up again", async () => {
    const thread = new Thread("t2", undefined, true);
    answers["POST /api/ai"] = stream("a1", "half", false);
    const sending = thread.send(draft("secret"), {});
    await vi.waitFor(() => expect(thread.chat.lastMessage?.role).toBe("assistant"));
    thread.close();
    await sending;
    expect(thread.chat.messages).toEqual([]);
    expect(thread.held.get()).toBeUndefined();
    expect(thread.recovery.get().state).toBe("idle");
  });
});
