import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, send, settled, signUp } from "./lib/steps.js";

const key = process.env.OWN_KEY;

/** A desktop on which the whole reply is to be seen. */
const views = { ...sizes, desktop: { width: 1280, height: 880 } };

/** Asks in a new conversation and waits for the whole reply. */
async function ask(page, text) {
  await page.goto(server);
  await composer(page).waitFor();
  await send(page, text);
  await page.waitForURL(/\/c\//);
  await page.getByText("After 20 years").waitFor();
  await settled(page);
}

test("a key of one's own is added, used without costing allowance, and removed", async () => {
  const somebody = await person();
  const { page } = somebody;
  // The address is in the pictures.
  await signUp(page, `ada.${randomInt(1e9).toString(36)}@example.com`);
  await page.goto(`${server}/settings/keys`);
  await page.getByRole("button", { name: "Add a key for OpenAI" }).click();
  const field = page.getByLabel("Key of OpenAI", { exact: true });
  await field.fill("sk-not-this-one-at-all");
  await page.getByRole("button", { name: "Check and save" }).click();
  await page.getByText("OpenAI does not accept this key").waitFor();
  await accessible(page, "a key that is refused");
  await field.fill(key);
  await page.getByRole("button", { name: "Check and save" }).click();
  await page.getByText("The key is stored; OpenAI accepts it.").waitFor();
  assert.doesNotMatch(await page.content(), new RegExp(key), "the key is nowhere in the page");
  await page.getByRole("button", { name: "Test the key for OpenAI" }).click();
  await page.getByText("OpenAI accepts the key.").waitFor();

  await page.goto(`${server}/settings/tools`);
  await page.getByRole("button", { name: "Add a key for Exa" }).click();
  await page.getByLabel("Key of Exa", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Check and save" }).click();
  await page.getByText("The key is stored; Exa accepts it.").waitFor();

  await page.goto(server);
  await page.getByRole("button", { name: /^Model/ }).click();
  await page.getByRole("menuitem", { name: "Writer" }).waitFor();
  await accessible(page, "the open picker of models");
  await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/api/settings") && r.request().method() === "PATCH"),
    page.getByRole("menuitem", { name: "Writer" }).click(),
  ]);
  await ask(page, "Plan a weekend in Lisbon");
  await ask(page, "Rename files by date");
  await ask(page, "Soup for six people");
  await ask(page, "What do 1,000 dollars become with interest?");
  await page.getByText("0 of 8 today").waitFor();
  await page.getByRole("link", { name: "Saving for ten years" }).waitFor();

  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Settings" }).waitFor();
  await accessible(page, "the open menu of the account");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Attach files" }).hover();
  await page.getByRole("tooltip").waitFor();
  await accessible(page, "an open tooltip");

  await composer(page).focus();
  await page.mouse.move(0, 0);
  await page.getByRole("tooltip").waitFor({ state: "hidden" });
  for (const [size, viewport] of Object.entries(views)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await becomes(
        () => page.evaluate(() => document.documentElement.dataset.mantineColorScheme),
        colorScheme,
      );
      await accessible(page, `a rich reply on a ${size}, ${colorScheme}`);
      await picture(page, `talk-${size}-${colorScheme}`);
    }
  }
  await page.setViewportSize(sizes.desktop);

  await page.goto(`${server}/settings/keys`);
  await page.getByRole("button", { name: "Remove the key for OpenAI" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("No key").first().waitFor();
  await somebody.leave();
});
