import test from "node:test";
import { accessible, person, picture } from "./lib/browser.js";
import { becomes, composer, send, settled, signUp } from "./lib/steps.js";

/** Asks the demo model for 20 seconds of words: time enough for what is to happen meanwhile. */
const longReply = "demo:slow 1500";

test("somebody new signs up by a mailed code and has a first chat", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await accessible(page, "the empty chat");
  await send(page, "Say hello in one sentence.");
  await settled(page);
  await page.getByRole("button", { name: /Copy/ }).first().waitFor();
  await page.waitForURL(/\/c\//);
  await accessible(page, "a chat");
  await picture(page, "first-chat");
  await somebody.leave();
});

test("a reply is stopped, and what there is of it stays", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await send(page, longReply);
  const stop = page.getByRole("button", { name: "Stop" });
  await page.getByText("One word").waitFor();
  await stop.click();
  await settled(page);
  await page.getByText("Stopped here.").waitFor();
  await page.reload();
  await page.getByText("Stopped here.").waitFor();
  await somebody.leave();
});

test("a reload in the middle of a reply goes on with it, and a second tab follows", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await send(page, longReply);
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.waitForURL(/\/c\//);
  const second = await somebody.context.newPage();
  await page.reload();
  await second.goto(page.url());
  await Promise.all([page, second].map((p) => p.getByRole("button", { name: "Stop" }).waitFor()));
  await Promise.all([page, second].map(settled));
  const text = async (p) => (await p.getByRole("article").last().innerText()).trim();
  await becomes(() => text(second), await text(page));
  await composer(page).waitFor();
  await somebody.leave();
});
