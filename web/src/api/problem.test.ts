import { describe, expect, it } from "vitest";
import { Problem, problemFromBody, problemFromChat } from "./problem";

const quota = {
  title: "Daily quota reached",
  status: 429,
  detail: "All messages of today are used.",
  code: "quota_day",
  requestId: "r1",
  retryAfter: 60,
};

describe("a problem", () => {
  it("is read from a body", () => {
    expect(problemFromBody(quota)).toMatchObject({ ...quota, fields: [] });
  });

  it("lists invalid members", () => {
    const errors = [{ path: "modelId", message: "is not one of the models offered" }];
    expect(problemFromBody({ code: "invalid", errors }).fields).toEqual(errors);
  });

  it("shows nothing of an answer that is not ours", () => {
    const problem = problemFromBody("<html>secret</html>", 502);
    expect(problem.code).toBe("unknown");
    expect(problem.status).toBe(502);
    expect(JSON.stringify(problem)).not.toContain("secret");
  });
});

describe("an error of the chat client", () => {
  it("carries the body of a refusal as its message", () => {
    expect(problemFromChat(new Error(JSON.stringify(quota)))).toMatchObject({
      code: "quota_day",
      retryAfter: 60,
    });
  });

  it("from the stream is plain text", () => {
    const problem = problemFromChat(new Error("The model provider could not answer."));
    expect(problem).toMatchObject({
      code: "reply_failed",
      status: 0,
      detail: "The model provider could not answer.",
    });
  });

  it("of an answer in between is not shown", () => {
    const error = Object.assign(new Error("<html>gateway</html>"), { statusCode: 502 });
    expect(problemFromChat(error)).toMatchObject({ code: "unknown", status: 502 });
  });

  it("of the network is a missing connection", () => {
    expect(problemFromChat(new TypeError("Failed to fetch")).code).toBe("offline");
    const problem = new Problem({ code: "x" });
    expect(problemFromChat(problem)).toBe(problem);
  });
});
