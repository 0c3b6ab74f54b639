import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LostConnection, watch } from "./watch";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const text = new TextEncoder();

/** A response whose body is fed by hand. */
function open() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => {
      controller = c;
    },
  });
  const say = (line: string) => controller?.enqueue(text.encode(line));
  return {
    response: new Response(body),
    say,
    end: () => controller?.close(),
    fail: (e: Error) => controller?.error(e),
  };
}

describe("a stream", () => {
  it("that ends with [DONE] is whole", async () => {
    const { response, say, end } = open();
    const watched = watch(response).response.text();
    say('data: {"type":"start"}\n\n');
    say("data: [DO");
    say("NE]\n\n");
    end();
    await expect(watched).resolves.toContain("[DONE]");
  });

  it("that merely ends was lost", async () => {
    const { response, say, end } = open();
    const watched = watch(response).response.text();
    say('data: {"type":"start"}\n\n');
    end();
    await expect(watched).rejects.toBeInstanceOf(LostConnection);
  });

  it("that breaks off was lost", async () => {
    const { response, fail } = open();
    const watched = watch(response).response.text();
    fail(new TypeError("network error"));
    await expect(watched).rejects.toBeInstanceOf(LostConnection);
  });

  it("that was given up by us was not lost", async () => {
    const { response, fail } = open();
    const watched = watch(response).response.text();
    fail(new DOMException("", "AbortError"));
    await expect(watched).rejects.toMatchObject({ name: "AbortError" });
  });

  it("in which nothing is said for too long was lost", async () => {
    const { response, say } = open();
    const watched = watch(response, 1000).response.text();
    const outcome = expect(watched).rejects.toBeInstanceOf(LostConnection);
    await vi.advanceTimersByTimeAsync(900);
    say(": comment\n\n");
    await vi.advanceTimersByTimeAsync(900);
    say(": comment\n\n");
    await vi.advanceTimersByTimeAsync(1100);
    await outcome;
  });

  it("is given up early when the computer has slept", async () => {
    const { response } = open();
    const { response: watched, giveUpAfter } = watch(response, 60_000);
    const outcome = expect(watched.text()).rejects.toBeInstanceOf(LostConnection);
    await vi.advanceTimersByTimeAsync(5000);
    giveUpAfter(10_000);
    await vi.advanceTimersByTimeAsync(6000);
    giveUpAfter(10_000);
    await outcome;
  });
});
