import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Kind } from "./threads";

type Request = { method: string; path: string; keepalive: boolean };

let requests: Request[];
let answer: () => Response;

// The chat's own client is loaded when it is needed: here it is the module's state that matters, anew for each test.
async function begin(kind: Kind = "temporary") {
  vi.resetModules();
  const temporary = await import("./temporary");
  const threads = await import("./threads");
  const drafts = await import("./drafts");
  const { Thread } = await import("./thread");
  const id = temporary.temporaryId.get();
  const thread = new Thread(id, undefined, kind === "temporary");
  threads.keepThread(thread);
  return { ...temporary, ...drafts, ...threads, id, thread };
}

beforeEach(() => {
  requests = [];
  answer = () => new Response(null, { status: 204 });
  vi.stubGlobal("fetch", async (request: globalThis.Request) => {
    requests.push({
      method: request.method,
      path: new URL(request.url).pathname,
      keepalive: request.keepalive,
    });
    return answer();
  });
  return () => vi.unstubAllGlobals();
});

describe("a temporary chat", () => {
  it("that has begun is deleted at the server when it ends, and nothing of it stays", async () => {
    const chat = await begin();
    const message = { id: "u", role: "user" as const, parts: [{ type: "text" as const, text: "secret" }] };
    chat.thread.chat.messages = [message];
    chat.setDraft(chat.fleetingDraft(chat.id), { text: "more" });
    expect(chat.isWorthAsking()).toBe(true);
    await chat.endTemporary(true);
    expect(requests).toEqual([{ method: "DELETE", path: `/api/conversations/${chat.id}`, keepalive: true }]);
    expect(chat.thread.chat.messages).toEqual([]);
    expect(chat.knownThread(chat.id)).toBeUndefined();
    expect(chat.getDraft(chat.fleetingDraft(chat.id)).text).toBe("");
    expect(chat.temporaryId.get()).not.toBe(chat.id);
    expect(chat.isWorthAsking()).toBe(false);
  });

  it("that has not begun asks the server for nothing", async () => {
    const chat = await begin();
    await chat.endTemporary();
    expect(requests).toEqual([]);
  });

  it("whose deletion came before its first message is deleted again", async () => {
    vi.useFakeTimers();
    const chat = await begin();
    chat.thread.stored = true;
    let asked = 0;
    answer = () => {
      asked += 1;
      const body = JSON.stringify({ code: "not_found", status: 404, title: "Not found" });
      return asked === 1
        ? new Response(body, { status: 404, headers: { "content-type": "application/json" } })
        : new Response(null, { status: 204 });
    };
    const ended = chat.endTemporary();
    await vi.advanceTimersByTimeAsync(1500);
    await ended;
    expect(asked).toBe(2);
    vi.useRealTimers();
  });

  it("ends when it is not shown any more, not when it is shown anew", async () => {
    const chat = await begin();
    chat.thread.stored = true;
    chat.endTemporaryLater(chat.id)();
    const leave = chat.endTemporaryLater(chat.id);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(chat.temporaryId.get()).toBe(chat.id);
    leave();
    await vi.waitFor(() => expect(requests).toHaveLength(1));
  });
});
