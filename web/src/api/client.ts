import createClient from "openapi-fetch";
import { offline, problemFromBody } from "./problem";
import type { paths } from "./schema";

/** Speaks to our own origin only; the session travels in its cookie. */
export const client = createClient<paths>({
  baseUrl: location.origin,
  credentials: "same-origin",
  fetch: (request) => globalThis.fetch(request),
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Waits for an answer and returns its body, or throws a Problem. */
export async function unwrap<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") {
      throw cause;
    }
    throw cause instanceof SyntaxError ? problemFromBody(undefined) : offline();
  }
  if (!answer.response.ok) {
    throw problemFromBody(answer.error, answer.response.status);
  }
  return answer.data as T;
}
