import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { accessible, person, picture, server } from "./lib/browser.js";
import { becomes, composer, request, send, settled, signUp } from "./lib/steps.js";

test("a tool waits for consent, is denied with a reason, and allowed", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await request(page, "PUT", "/api/settings/keys/openai", { key: process.env.OWN_KEY });
  await request(page, "PATCH", "/api/settings", { historyTool: true, defaultModel: "openai:writer" });
  await page.goto(server);
  await composer(page).waitFor();
  await send(page, "Look into my history");
  const question = page.getByRole("region", { name: /May this run/ });
  await question.waitFor();
  await settled(page);
  await accessible(page, "a request for consent");
  await picture(page, "approval");
  // It waits as long as it takes, also for another page.
  await page.reload();
  await question.getByRole("button", { name: "Deny" }).click();
  await question.getByLabel("Reason (optional)").fill("Not now.");
  await question.getByRole("button", { name: "Deny" }).click();
  await page.getByText("After 20 years").waitFor();
  await settled(page);
  await page.locator("summary", { hasText: /history.*denied/ }).click();
  await page.getByText("Your reason: Not now.").waitFor();

  await send(page, "Look into my history again");
  await question.getByRole("button", { name: "Allow" }).click();
  await page.getByText("After 20 years").nth(1).waitFor();
  await settled(page);
  await page.locator("summary", { hasText: /history.*done/ }).click();
  await page.getByText("Result", { exact: true }).waitFor();
  await somebody.leave();
});

test("everything is exported, and taken in by another account", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await send(page, "Take me along");
  await page.getByRole("article").nth(1).waitFor();
  await settled(page);
  await page.goto(`${server}/settings/data`);
  await page.getByText("No export yet").waitFor();
  await page.getByRole("button", { name: "Make an export" }).click();
  const link = page.getByRole("link", { name: "Download" });
  await link.waitFor();
  await page.getByText("1 conversation, 2 messages").waitFor();
  await accessible(page, "an export");
  await picture(page, "export");
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const file = await download.path();

  const other = await person();
  await signUp(other.page);
  await other.page.goto(`${server}/settings/data`);
  const choose = async (what) => {
    const [chooser] = await Promise.all([
      other.page.waitForEvent("filechooser"),
      other.page.getByRole("button", { name: "Choose a file" }).click(),
    ]);
    await chooser.setFiles(what);
  };
  await choose({ name: "letter.json", mimeType: "application/json", buffer: Buffer.from("not at all") });
  await other.page.getByText("The file was not read to its end").waitFor();
  await choose({
    name: "export.zip",
    mimeType: "application/zip",
    buffer: await readFile(file),
  });
  await other.page.getByText("Taken: 1 conversation, 2 messages").waitFor();
  await accessible(other.page, "an import");
  await other.page.getByRole("link", { name: "Take me along" }).first().click();
  await becomes(() => other.page.getByRole("article").count(), 2);
  await other.leave();
  await page.getByRole("button", { name: "Delete the file" }).click();
  await link.waitFor({ state: "detached" });
  await somebody.leave();
});

test("an account is deleted, and nothing of it lets anybody in", async () => {
  const somebody = await person();
  const { page } = somebody;
  const email = await signUp(page);
  await send(page, "Forget me");
  await page.getByRole("article").nth(1).waitFor();
  await settled(page);
  const other = await somebody.context.newPage();
  await other.goto(page.url());
  await composer(other).waitFor();

  await page.goto(`${server}/settings/profile`);
  await page.getByRole("button", { name: "Delete account" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete for good" });
  await dialog.getByLabel(`To confirm, type ${email}`).fill(`not-${email}`);
  await becomes(() => confirm.isDisabled(), true);
  await accessible(page, "the question before deleting an account");
  await dialog.getByLabel(`To confirm, type ${email}`).fill(email);
  await confirm.click();
  await page.getByRole("heading", { name: "Your account is deleted" }).waitFor();
  await accessible(page, "the receipt of a deletion");
  await picture(page, "deleted");

  await composer(other).fill("Is anybody there?");
  await other.keyboard.press("Enter");
  await other.waitForURL(/\/auth\/login/);
  await other.getByLabel("E-mail address").fill(email);
  await other.getByRole("button", { name: "Send me a code" }).click();
  await other.getByRole("heading", { name: "No account yet" }).waitFor();
  assert.match(page.url(), /\/auth\/deleted\?id=/);
  await somebody.leave();
});
