// Signing in as a person would: Kratos's own flows through the server's proxy, with the code from the mail.
import { randomUUID } from "node:crypto";
import { kratosAdmin, server } from "./env.js";
import { until } from "./wait.js";

async function json(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.url}: not JSON: ${text.slice(0, 200)}`);
  }
}

async function newestCode(address) {
  const query = new URLSearchParams({ recipient: address });
  const mails = await json(await fetch(`${kratosAdmin}/admin/courier/messages?${query}`));
  return mails.map((mail) => /\b\d{6}\b/.exec(mail.body)?.[0])[0];
}

async function submit(action, body) {
  // Kratos names itself by the address that browsers see; the way in is the server's.
  const { pathname, search } = new URL(action);
  const response = await fetch(server + pathname + search, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await json(response) };
}

/** Goes through a flow for native applications ("login" or "registration") and returns the session's token. */
async function byCode(kind, address) {
  const who = kind === "login" ? { identifier: address } : { traits: { email: address } };
  const before = kind === "login" ? await newestCode(address) : undefined;
  const flow = await json(
    await fetch(`${server}/.ory/self-service/${kind}/api`, { headers: { accept: "application/json" } }),
  );
  const sent = await submit(flow.ui.action, { ...who, method: "code" });
  if (sent.body.state !== "sent_email") {
    throw new Error(
      `${kind}: no code was sent: ${sent.status} ${JSON.stringify(sent.body.ui?.messages ?? sent.body)}`,
    );
  }
  const code = await until(`a code for ${address}`, async () => {
    const newest = await newestCode(address);
    return newest !== before && newest;
  });
  const done = await submit(flow.ui.action, { ...who, method: "code", code });
  if (done.status !== 200 || !done.body.session_token) {
    throw new Error(`${kind}: ${done.status} ${JSON.stringify(done.body.ui?.messages ?? done.body)}`);
  }
  return done.body.session_token;
}

/** Somebody new, with an account made by mailed code. */
export async function newUser() {
  const address = `e2e-${randomUUID()}@example.test`;
  return user(address, await byCode("registration", address));
}

/** The same person on another device: with another session. */
export async function onAnotherDevice(who) {
  return user(who.address, await byCode("login", who.address), who.base);
}

function user(address, token, base = server) {
  const headers = { Authorization: `Bearer ${token}` };
  return {
    address,
    headers,
    /** The server that this person speaks to. */
    base,
    /** The same session at another server. */
    at: (elsewhere) => user(address, token, elsewhere),
    /** Asks the API and returns status, headers and body. */
    async api(method, path, body) {
      const response = await fetch(base + path, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === "" ? undefined : JSON.parse(text),
      };
    },
  };
}

/** Somebody who has no session. */
export const nobody = { headers: {}, base: server };
