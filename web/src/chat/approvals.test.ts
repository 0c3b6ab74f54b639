import { describe, expect, it } from "vitest";
import { allDecided, onlyAnswers, pendingApprovals, withDecisions } from "./approvals";
import type { ChatMessage, ChatPart } from "./message";

const call = (id: string, state = "approval-requested"): ChatPart =>
  ({
    type: "dynamic-tool",
    toolName: "server__write",
    toolCallId: `call-${id}`,
    state,
    input: { id },
    approval: { id },
  }) as ChatPart;

const reply = (...parts: ChatPart[]): ChatMessage => ({ id: "a1", role: "assistant", parts });

describe("requests for approval", () => {
  const message = reply(
    { type: "text", text: "May I?" },
    call("one"),
    call("old", "output-available"),
    call("two"),
  );

  it("are found in order", () => {
    expect(pendingApprovals(message).map(({ approvalId }) => approvalId)).toEqual(["one", "two"]);
    expect(pendingApprovals({ ...message, role: "user" })).toEqual([]);
    expect(pendingApprovals(undefined)).toEqual([]);
  });

  it("are complete once all are answered", () => {
    expect(allDecided(message, {})).toBe(false);
    expect(allDecided(message, { one: { approved: true } })).toBe(false);
    expect(allDecided(message, { one: { approved: true }, two: { approved: false } })).toBe(true);
    expect(allDecided(reply({ type: "text", text: "none" }), {})).toBe(false);
  });

  it("are answered in the message, and only answers travel", () => {
    const answered = withDecisions(message, {
      one: { approved: true },
      two: { approved: false, reason: "not today" },
    });
    expect(pendingApprovals(answered)).toEqual([]);
    expect(onlyAnswers(answered)).toEqual({
      id: "a1",
      role: "assistant",
      parts: [
        {
          type: "dynamic-tool",
          toolCallId: "call-one",
          state: "approval-responded",
          approval: { id: "one", approved: true },
        },
        {
          type: "dynamic-tool",
          toolCallId: "call-two",
          state: "approval-responded",
          approval: { id: "two", approved: false, reason: "not today" },
        },
      ],
    });
    expect(answered.parts[2]).toBe(message.parts[2]);
  });
});
