import assert from "node:assert/strict";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, send, settled, signUp } from "./lib/steps.js";

const said = "The password of the shed is marzipan";

/** Begins a temporary chat and returns its id, which the page shows nowhere. */
async function begin(page, text = said) {
  await page.getByRole("switch", { name: "Temporary chat" }).click();
  await page.getByRole("heading", { name: "Temporary chat" }).waitFor();
  const posted = page.waitForRequest((request) => request.url().endsWith("/api/ai"));
  await send(page, text);
  const body = (await posted).postDataJSON();
  assert.equal(body.temporary, true);
  await page.getByRole("article").nth(1).waitFor();
  await settled(page);
  return body.id;
}

/** Everything that the browser keeps for the site beyond the page. */
const kept = (page) =>
  page.evaluate(async () =>
    JSON.stringify([
      location.href,
      history.state,
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      await indexedDB.databases(),
      await caches.keys(),
    ]),
  );

async function leavesNoTrace(page, id) {
  const everything = await kept(page);
  assert.doesNotMatch(everything, /marzipan/);
  assert.ok(!everything.includes(id), "the browser knows the id of the temporary chat");
}

const isGone = (page, id) =>
  becomes(async () => (await page.request.get(`${server}/api/conversations/${id}`)).status(), 404);

const conversations = async (page) =>
  (await (await page.request.get(`${server}/api/conversations`)).json()).items;

test("a temporary chat is nowhere but on its page, and is gone when it is left", async () => {
  const somebody = await person();
  const { page, context } = somebody;
  await signUp(page);
  await page.goto(`${server}/settings/data`);
  await page.getByRole("link", { name: "New chat" }).click();
  const id = await begin(page);
  await page.getByText("deleted when you leave it").waitFor();
  await accessible(page, "a temporary chat");
  assert.equal(new URL(page.url()).pathname, "/");
  await leavesNoTrace(page, id);
  assert.deepEqual(await conversations(page), []);

  const second = await context.newPage();
  await second.goto(server);
  await composer(second).waitFor();
  await second.getByText("Your conversations will be listed here.").waitFor();
  await second.keyboard.press("Control+k");
  await second.getByRole("combobox").fill("marzipan");
  await second.getByText("Nothing found.").waitFor();
  await leavesNoTrace(second, id);
  await second.close();

  // What is written or changed and not sent is kept nowhere either.
  await composer(page).fill("More marzipan");
  await leavesNoTrace(page, id);
  await composer(page).fill("");
  await page.keyboard.press("ArrowUp");
  await page.getByRole("textbox", { name: "Change your message" }).fill("Other marzipan");
  await leavesNoTrace(page, id);
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: "New chat" }).click();
  const question = page.getByRole("dialog", { name: "Leave the temporary chat?" });
  await question.waitFor();
  await accessible(page, "the question before a temporary chat is left");
  await picture(page, "temporary-leave");
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  await page.getByRole("article").first().waitFor();
  await page.goBack();
  await question.getByRole("button", { name: "Stay" }).click();
  await question.waitFor({ state: "detached" });
  await page.getByRole("article").first().waitFor();
  await page.getByRole("link", { name: "New chat" }).click();
  await question.getByRole("button", { name: "Leave and delete" }).click();
  await page.getByRole("heading", { name: "What is on your mind?" }).waitFor();
  await isGone(page, id);
  await leavesNoTrace(page, id);
  await page.goBack();
  await page.goForward();
  await becomes(() => page.getByText("marzipan").count(), 0);
  await somebody.leave();
});

test("a temporary chat ends with a reload, its button, or the page, also in the middle of a reply", async () => {
  const somebody = await person();
  const { page, context } = somebody;
  const asked = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await signUp(page);
  const first = await begin(page);
  await page.reload();
  assert.deepEqual(asked, ["beforeunload"]);
  await page.getByRole("switch", { name: "Temporary chat", checked: true }).waitFor();
  await becomes(() => page.getByText("marzipan").count(), 0);
  await isGone(page, first);

  await page.getByRole("switch", { name: "Temporary chat" }).click();
  const second = await begin(page);
  await page.getByRole("button", { name: "End chat" }).click();
  await page.getByRole("heading", { name: "What is on your mind?" }).waitFor();
  await isGone(page, second);
  await leavesNoTrace(page, second);

  await page.getByRole("switch", { name: "Temporary chat" }).click();
  const posted = page.waitForRequest((request) => request.url().endsWith("/api/ai"));
  await send(page, "Think, then show what you can do.");
  const { id } = (await posted).postDataJSON();
  await page.getByRole("article").nth(1).waitFor();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  const other = await context.newPage();
  await other.goto(`${server}/settings/data`);
  await page.close({ runBeforeUnload: true });
  await isGone(other, id);
  assert.equal(asked.length, 2);
  await somebody.leave();
});

test("what is written goes along when a chat becomes temporary, and back", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await composer(page).fill("Half a thought about marzipan");
  assert.match(await kept(page), /marzipan/);
  const toggle = page.getByRole("switch", { name: "Temporary chat" });
  await toggle.click();
  await page.getByRole("heading", { name: "Temporary chat" }).waitFor();
  await becomes(() => composer(page).inputValue(), "Half a thought about marzipan");
  assert.doesNotMatch(await kept(page), /marzipan/);
  await toggle.click();
  await page.getByRole("heading", { name: "What is on your mind?" }).waitFor();
  await becomes(() => composer(page).inputValue(), "Half a thought about marzipan");
  assert.match(await kept(page), /marzipan/);
  await somebody.leave();
});

test("signing out ends a temporary chat", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await begin(page);
  const deleted = page.waitForResponse(
    (response) => response.request().method() === "DELETE" && response.url().includes("/api/conversations/"),
  );
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  assert.equal((await deleted).status(), 204);
  await page.waitForURL(/\/auth\/login/);
  await somebody.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`a temporary chat on a ${size}, ${colorScheme}`, async () => {
      const somebody = await person({ size: viewport, colorScheme });
      const { page } = somebody;
      await signUp(page);
      await page.getByRole("switch", { name: "Temporary chat" }).click();
      await page.getByRole("heading", { name: "Temporary chat" }).waitFor();
      await page.mouse.move(0, 0);
      await accessible(page, `a temporary chat that begins on a ${size}, ${colorScheme}`);
      await picture(page, `temporary-new-${size}-${colorScheme}`);
      await page.getByRole("switch", { name: "Temporary chat" }).click();
      await begin(page);
      await accessible(page, `a temporary chat on a ${size}, ${colorScheme}`);
      await picture(page, `temporary-${size}-${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, "nothing is wider than the screen");
      await somebody.leave();
    });
  }
}
