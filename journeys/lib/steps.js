// What people do on the pages, step by step.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mailedCode, server } from "./browser.js";

/** Makes an account with a mailed code and returns its address. */
export async function signUp(page, address = `journey-${randomUUID()}@example.test`) {
  await page.goto(`${server}/auth/registration`);
  await page.getByLabel("E-mail address").fill(address);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("Six-digit code").fill(await mailedCode(address));
  await composer(page).waitFor();
  return address;
}

/** Signs in with a mailed code. */
export async function signIn(page, address, seen) {
  await page.goto(`${server}/auth/login`);
  await page.getByLabel("E-mail address").fill(address);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("Six-digit code").fill(await mailedCode(address, seen));
  await composer(page).waitFor();
}

/** Calls the API as the page would. */
export async function request(page, method, path, body) {
  const status = await page.evaluate(
    async ([method, path, body]) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(path, { method, headers, body: JSON.stringify(body) })).status;
    },
    [method, path, body],
  );
  assert.ok(status < 300, `${method} ${path}: ${status}`);
}

/** Where messages are written. */
export const composer = (page) => page.getByRole("textbox", { name: "Write a message" });

/** Sends a message, without waiting for the reply. */
export async function send(page, text) {
  await composer(page).fill(text);
  await page.keyboard.press("Enter");
}

/** Waits until no reply is under way on the page. */
export async function settled(page) {
  await page.getByRole("button", { name: "Stop" }).waitFor({ state: "hidden", timeout: 60_000 });
}

/** Fails unless what is read from the page becomes what is expected within ten seconds: pages draw when they get to it. */
export async function becomes(read, expected, message) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const seen = await read();
    if (Object.is(seen, expected) || Date.now() > deadline) {
      assert.equal(seen, expected, message);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
