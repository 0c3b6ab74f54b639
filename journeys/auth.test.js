import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import test from "node:test";
import { accessible, mailedCode, person, picture, server, sizes } from "./lib/browser.js";
import { composer, signUp } from "./lib/steps.js";
import { totp } from "./lib/totp.js";

const address = () => `journey-${randomUUID()}@example.test`;

test("an address without an account is offered one, and a wrong code can be typed over", async () => {
  const somebody = await person({ size: sizes.phone });
  const { page } = somebody;
  const email = address();
  await page.goto(server);
  await page.getByLabel("E-mail address").waitFor();
  await accessible(page, "signing in");
  await picture(page, "sign-in-phone");
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByText("Enter an e-mail address").waitFor();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByRole("heading", { name: "No account yet" }).waitFor();
  await accessible(page, "the offer of an account");
  await page.getByRole("button", { name: "Create an account with it" }).click();

  const code = await mailedCode(email);
  await page.getByLabel("Six-digit code").fill(code === "000000" ? "000001" : "000000");
  await page.getByText("This code is wrong").waitFor();
  await accessible(page, "a wrong code");
  // The code under way outlives a reload.
  await page.reload();
  await page.getByLabel("Six-digit code").fill(code);
  await composer(page).waitFor();
  await somebody.leave();
});

test("a second factor is set up, asked for, replaced by a recovery code and turned off", async () => {
  const first = await person();
  const { page } = first;
  const email = await signUp(page);
  await page.goto(`${server}/settings/profile`);
  await page.getByRole("button", { name: "Set up an authenticator app" }).click();
  const secret = await page.getByText(/^([A-Z2-7]{4} ?){8}$/).textContent();
  await accessible(page, "setting up an app");
  await page.getByLabel("Six-digit code from the app").fill(totp(secret, 0));
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByText("This code is wrong").waitFor();
  await page.getByLabel("Six-digit code from the app").fill(totp(secret));
  await page.getByRole("button", { name: "Turn on" }).click();

  const codes = page.getByRole("group", { name: "Your recovery codes" });
  await codes.waitFor();
  const [code] = await codes.getByRole("listitem").allTextContents();
  await accessible(page, "recovery codes");
  await page.getByRole("button", { name: "I have stored them" }).click();
  await page.getByText("The new recovery codes count").waitFor();

  // On another device, with the page that was asked for at the end of it.
  const second = await person();
  const other = second.page;
  const seen = await mailedCode(email);
  await other.goto(`${server}/settings/usage`);
  await other.getByLabel("E-mail address").fill(email);
  await other.getByRole("button", { name: "Send me a code" }).click();
  await other.getByLabel("Six-digit code").fill(await mailedCode(email, [seen]));
  await other.getByRole("heading", { name: "Second step" }).waitFor();
  await accessible(other, "the second step");
  // Without it there is no way into the app.
  await other.goto(server);
  await other.getByRole("heading", { name: "Second step" }).waitFor();
  await other.getByRole("button", { name: "Use a recovery code instead" }).click();
  await other.getByLabel("Recovery code").fill("wrong-one");
  await other.getByRole("button", { name: "Continue" }).click();
  await other.getByText("This recovery code is wrong").waitFor();
  await other.getByLabel("Recovery code").fill(code);
  await other.getByRole("button", { name: "Continue" }).click();
  await composer(other).waitFor();
  await second.leave();

  await page.getByRole("button", { name: "Turn off" }).click();
  const question = page.getByRole("dialog");
  await question.waitFor();
  await accessible(page, "the question before turning it off");
  await question.getByRole("button", { name: "Turn off" }).click();
  await page.getByText("The second factor is off.").waitFor();
  await first.leave();
});

test("who cannot get in gets a code, and a signed-out tab comes back to its page", async () => {
  const somebody = await person();
  const { page } = somebody;
  const email = await signUp(page);
  await page.goto(`${server}/settings/profile`);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/auth\/login/);
  await page.goto(`${server}/settings/appearance`);
  await page.waitForURL(/\/auth\/login\?return_to=/);

  const seen = await mailedCode(email);
  await page.goto(`${server}/auth/recovery`);
  await page.getByLabel("E-mail address").fill(email);
  await accessible(page, "recovery");
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("Six-digit code").fill(await mailedCode(email, [seen]));
  await page.getByRole("heading", { name: "You are in again" }).waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
  await composer(page).waitFor();
  await somebody.leave();
});

test("what went wrong elsewhere has a page with a way on", async () => {
  const somebody = await person();
  const { page } = somebody;
  await page.goto(`${server}/auth/error?id=gone`);
  await page.getByRole("heading", { name: "Signing in did not work" }).waitFor();
  await accessible(page, "the page of errors");
  await page.getByRole("link", { name: "Start again" }).click();
  await page.getByLabel("E-mail address").waitFor();
  assert.match(page.url(), /\/auth\/login/);
  await somebody.leave();
});
