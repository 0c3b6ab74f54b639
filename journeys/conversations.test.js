import test from "node:test";
import { accessible, person, server } from "./lib/browser.js";
import { becomes, composer, send, settled, signUp } from "./lib/steps.js";

/** Begins a conversation and waits for its reply. */
async function begin(page, text) {
  await page.goto(server);
  await composer(page).waitFor();
  await send(page, text);
  await page.waitForURL(/\/c\//);
  await page.getByRole("article").nth(1).waitFor();
  await settled(page);
}

const titles = (page) => page.locator("[data-conversation]").allInnerTexts();

async function menu(page, title, item) {
  await page.getByRole("link", { name: title }).hover();
  await page.getByRole("button", { name: `Actions for ${title}` }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

test("conversations are named, pinned, put away and found again", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await begin(page, "Apples and pears");
  await begin(page, "Boats and trains");

  await menu(page, "Apples and pears", "Rename");
  await accessible(page, "the dialog for a name");
  await page.getByRole("textbox", { name: "Name" }).fill("Fruit");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Fruit" }).waitFor();

  await menu(page, "Fruit", "Pin");
  await page.getByRole("heading", { name: "Pinned" }).waitFor();
  await becomes(async () => (await titles(page))[0], "Fruit");

  await menu(page, "Boats and trains", "Archive");
  await page.getByRole("link", { name: "Boats and trains" }).waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox");
  await field.fill("boats");
  await page.getByRole("option", { name: "Boats and trains" }).first().waitFor();
  await accessible(page, "the palette");
  await page.keyboard.press("Enter");
  await page.getByText("Boats and trains").first().waitFor();
  await somebody.leave();
});

test("a deletion can be taken back, and is done when the page is left", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await begin(page, "Keep or throw away");
  const address = page.url();
  await menu(page, "Keep or throw away", "Delete");
  await page.getByRole("link", { name: "Keep or throw away" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.waitForURL(address);
  await page.getByRole("link", { name: "Keep or throw away" }).waitFor();

  await menu(page, "Keep or throw away", "Delete");
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await page.goto("about:blank");
  // The request was sent with the page's last breath.
  const gone = async () =>
    (await page.request.get(address.replace("/c/", "/api/conversations/"))).status() === 404;
  await becomes(gone, true, "the conversation is still there");
  await somebody.leave();
});

test("everything can be done without a mouse", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await begin(page, "First one");
  await begin(page, "Second one");
  const second = page.url();
  await page.keyboard.press("Alt+Shift+ArrowDown");
  await page.waitForURL((url) => url.href !== second);
  await page.keyboard.press("Alt+Shift+ArrowUp");
  await page.waitForURL(second);
  await page.getByRole("article").first().waitFor();
  await composer(page).focus();
  await page.keyboard.press("ArrowUp");
  await page.getByRole("textbox", { name: "Change your message" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#main").focus();
  await page.keyboard.press("Shift+?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await accessible(page, "the help");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Shift+O");
  await page.waitForURL(`${server}/`);
  await somebody.leave();
});
