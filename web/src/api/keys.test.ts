import { afterEach, describe, expect, it, vi } from "vitest";
import { storeKey } from "./keys";
import { Problem } from "./problem";

afterEach(() => vi.unstubAllGlobals());

const problem = (status: number, code: string) =>
  new Response(JSON.stringify({ code, status, title: code }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });

/** Answers in this order, and returns the methods that were asked with. */
function answers(...responses: Response[]): string[] {
  const methods: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    methods.push(request.method);
    return responses.shift();
  });
  return methods;
}

describe("a key", () => {
  const stored = () => Response.json({ provider: "openai", lastFour: "1234" });

  it("is stored once its provider has taken it", async () => {
    const methods = answers(new Response(null, { status: 204 }), stored());
    await expect(storeKey("openai", "sk-12341234")).resolves.toMatchObject({
      key: { lastFour: "1234" },
      unchecked: undefined,
    });
    expect(methods).toEqual(["POST", "PUT"]);
  });

  it("that its provider refuses is not stored", async () => {
    const methods = answers(problem(502, "provider_auth"));
    await expect(storeKey("openai", "sk-12341234")).rejects.toMatchObject({ code: "provider_auth" });
    expect(methods).toEqual(["POST"]);
  });

  it("is stored, and said to be untried, when the provider cannot be asked", async () => {
    answers(problem(502, "provider_overloaded"), stored());
    const { unchecked } = await storeKey("openai", "sk-12341234");
    expect(unchecked).toBeInstanceOf(Problem);
  });

  it("is not stored when it is ourselves who cannot be asked", async () => {
    const methods = answers(problem(429, "rate_limited"));
    await expect(storeKey("openai", "sk-12341234")).rejects.toMatchObject({ status: 429 });
    expect(methods).toEqual(["POST"]);
  });
});
