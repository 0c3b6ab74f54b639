// Signing in as a person would: Kratos's own flows through the server's proxy, with the code from the mail.
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { kratosAdmin, mailKey, server } from "./env.js";

async function json(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.url}: not JSON: ${text.slice(0, 200)}`);
  }
}

async function mailedCodes(address) {
  if (kratosAdmin) {
    const query = new URLSearchParams({ recipient: address });
    const mails = await json(await fetch(`${kratosAdmin}/admin/courier/messages?${query}`));
    return mails.map((mail) => /\b\d{6}\b/.exec(mail.body)?.[0]);
  }
  const query = new URLSearchParams({ format: "json", to: address });
  const mails = await json(
    await fetch(`${server}/dev/mail?${query}`, { headers: { "X-Mail-Key": mailKey } }),
  );
  return mails.map((mail) => mail.code);
}

/** Waits for the newest code sent to an address, which must not be the one seen before. */
async function newCode(address, before) {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await pause(50)) {
    const [code] = await mailedCodes(address);
    if (code && code !== before) {
      return code;
    }
  }
  throw new Error(`no code came for ${address}`);
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
  const [before] = await mailedCodes(address);
  const flow = await json(
    await fetch(`${server}/.ory/self-service/${kind}/api`, { headers: { accept: "application/json" } }),
  );
  const sent = await submit(flow.ui.action, { ...who, method: "code" });
  if (sent.body.state !== "sent_email") {
    throw new Error(
      `${kind}: no code was sent: ${sent.status} ${JSON.stringify(sent.body.ui?.messages ?? sent.body)}`,
    );
  }
  const code = await newCode(address, before);
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

/** The same person on another device. */
export async function signInAgain(who) {
  return user(who.address, await byCode("login", who.address));
}

function user(address, token) {
  const headers = { Authorization: `Bearer ${token}` };
  return {
    address,
    headers,
    /** Asks the API and returns status, headers and body. */
    async api(method, path, body) {
      const response = await fetch(server + path, {
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
