import { describe, expect, it } from "vitest";
import { type ChatMessage, mergeNewest, textOf } from "./message";

const message = (id: string): ChatMessage => ({ id, role: "user", parts: [{ type: "text", text: id }] });
const ids = (messages: ChatMessage[]) => messages.map((m) => m.id).join("");
const list = (text: string) => [...text].map(message);

describe("catching up with the newest page", () => {
  it("keeps older pages that connect to it", () => {
    const { messages, connected } = mergeNewest(list("abcd"), list("cdef"));
    expect(ids(messages)).toBe("abcdef");
    expect(connected).toBe(true);
  });

  it("drops what the server no longer has", () => {
    expect(ids(mergeNewest(list("abcd"), list("abx")).messages)).toBe("abx");
  });

  it("starts anew from a page that does not connect", () => {
    const { messages, connected } = mergeNewest(list("ab"), list("xyz"));
    expect(ids(messages)).toBe("xyz");
    expect(connected).toBe(false);
  });

  it("changes nothing when there is no news", () => {
    const shown = list("abc");
    expect(mergeNewest(shown, list("bc")).messages).toBe(shown);
  });
});

it("the text of a message leaves out everything else", () => {
  const parts: ChatMessage["parts"] = [
    { type: "step-start" },
    { type: "reasoning", text: "hm" },
    { type: "text", text: "one" },
    { type: "text", text: "two" },
  ];
  expect(textOf({ id: "m", role: "assistant", parts })).toBe("one\n\ntwo");
});
