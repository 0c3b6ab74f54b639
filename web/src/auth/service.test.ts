import { describe, expect, it } from "vitest";
import { Problem } from "~/api/problem";
import { interpret } from "./service";

describe("an answer of Kratos", () => {
  it("with a form is the flow's next state, also as a 400", () => {
    expect(interpret(400, { id: "f", ui: { nodes: [] } })).toMatchObject({ type: "flow", flow: { id: "f" } });
  });

  it("that succeeded says whether there is a session", () => {
    expect(interpret(200, { session: { id: "s" } })).toEqual({
      type: "done",
      session: true,
      continueWith: [],
    });
    const next = [{ action: "show_verification_ui", flow: { id: "v" } }];
    expect(interpret(200, { identity: {}, continue_with: next })).toEqual({
      type: "done",
      session: false,
      continueWith: next,
    });
  });

  it("that wants more of the session leads to signing in", () => {
    const to = (query: string) => `http://host/.ory/self-service/login/browser?${query}`;
    expect(
      interpret(403, { error: { id: "session_aal2_required" }, redirect_browser_to: to("aal=aal2") }),
    ).toEqual({ type: "signIn", aal: "aal2" });
    expect(
      interpret(403, { error: { id: "session_refresh_required" }, redirect_browser_to: to("refresh=true") }),
    ).toEqual({ type: "signIn", refresh: true });
    expect(interpret(401, { error: { id: "session_inactive" } })).toEqual({ type: "signIn" });
  });

  it("may send the browser elsewhere", () => {
    const body = {
      error: { id: "browser_location_change_required" },
      redirect_browser_to: "https://id.example/",
    };
    expect(interpret(422, body)).toEqual({ type: "redirect", url: "https://id.example/" });
  });

  it.each([
    [410, "self_service_flow_expired"],
    [403, "security_csrf_violation"],
    [404, undefined],
  ])("%i %s asks for a new flow", (status, id) => {
    expect(interpret(status, { error: { id } })).toEqual({ type: "renew" });
  });

  it("knows who is signed in already", () => {
    expect(interpret(400, { error: { id: "session_already_available" } })).toEqual({ type: "signedIn" });
  });

  it("of our own limits is a problem", () => {
    const body = {
      code: "rate_limited",
      status: 429,
      title: "Too many requests",
      detail: "Wait.",
      retryAfter: 7,
    };
    expect(() => interpret(429, body)).toThrow(Problem);
    expect(() => interpret(500, undefined)).toThrow(Problem);
  });
});
