import assert from "node:assert/strict";
import test from "node:test";
import { accessible, person, picture, sizes } from "./lib/browser.js";
import { becomes, composer, send, settled, signUp } from "./lib/steps.js";

const articles = async (page) =>
  (await page.getByRole("article").allInnerTexts()).map((text) => text.replace(/\s+/g, " "));

/** Sends a message and waits for the whole reply. */
async function ask(page, text) {
  const before = await page.getByRole("article").count();
  await send(page, text);
  await page
    .getByRole("article")
    .nth(before + 1)
    .waitFor();
  await settled(page);
}

test("a message is changed, a reply made anew, and all versions can be flipped through", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await ask(page, "My name is Ada");
  await ask(page, "What is my name?");
  await page.getByRole("article").first().hover();
  await page.getByRole("button", { name: "Edit" }).first().click();
  await page.getByRole("textbox", { name: "Change your message" }).fill("My name is Grace");
  await page.keyboard.press("Enter");
  await page.getByText("Nice to meet you, Grace").waitFor();
  await settled(page);
  await page.getByText("2/2").waitFor();
  await becomes(async () => (await articles(page)).length, 2);

  await page.getByRole("button", { name: "Earlier version" }).click();
  await page.getByText("Your name is Ada").waitFor();
  await becomes(async () => (await articles(page)).length, 4);

  await page.getByRole("button", { name: "Write the reply anew" }).last().click();
  await page.getByText("2/2").waitFor();
  await settled(page);
  await accessible(page, "versions");
  await page.getByRole("button", { name: "Later version" }).first().click();
  await page.getByText("Nice to meet you, Grace").waitFor();
  await page.reload();
  await page.getByText("Nice to meet you, Grace").waitFor();
  await somebody.leave();
});

test("a tool is used, and what went in and came out can be looked at", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await ask(page, "Think, then calculate 6*7.");
  await page.getByText("Thoughts").waitFor();
  await page.getByText("calculate done").click();
  await page.getByText("Result", { exact: true }).waitFor();
  await accessible(page, "a tool's call");
  await somebody.leave();
});

test("what the server refuses and what is not sent stays in the field", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await page.route("**/api/ai", (route) =>
    route.fulfill({
      status: 429,
      contentType: "application/problem+json",
      body: JSON.stringify({
        code: "rate_limited",
        status: 429,
        title: "Too many",
        detail: "Wait.",
        retryAfter: 1,
      }),
    }),
  );
  await send(page, "Do not lose me");
  await page.getByText("A little slower, please").waitFor();
  await becomes(() => composer(page).inputValue(), "Do not lose me");
  await accessible(page, "a refusal");
  await page.reload();
  await composer(page).waitFor();
  await becomes(() => composer(page).inputValue(), "Do not lose me");
  await page.unroute("**/api/ai");
  await composer(page).press("Enter");
  await page.getByRole("article").nth(1).waitFor();
  await settled(page);
  await becomes(() => composer(page).inputValue(), "");
  await somebody.leave();
});

test("the day's messages are used up", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  for (let i = 0; i < 8; i++) {
    await ask(page, `My name is Ada ${i}`);
  }
  await send(page, "One too many");
  await page.getByText("You have used today's messages").waitFor();
  await becomes(() => composer(page).inputValue(), "One too many");
  await somebody.leave();
});

test("files come along by button and by paste, and the draft keeps them", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("button", { name: "Attach files" }).click(),
  ]);
  await chooser.setFiles([
    { name: "notes.md", mimeType: "text/markdown", buffer: Buffer.from("# Notes\n") },
    { name: "film.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(5000, 7) },
  ]);
  await page.getByRole("button", { name: "Remove notes.md" }).waitFor();
  await page.getByText("This kind of file is not accepted").waitFor();
  await page.getByRole("button", { name: "Remove film.mp4" }).click();
  await composer(page).evaluate((field) => {
    const data = new DataTransfer();
    data.items.add(new File(["a,b\n1,2\n"], "table.csv", { type: "text/csv" }));
    field.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  await page.getByRole("button", { name: "Remove table.csv" }).waitFor();
  // Only what has arrived outlives the page.
  await becomes(() => page.getByRole("progressbar", { name: /table\.csv/ }).count(), 0);
  await page.reload();
  await page.getByRole("button", { name: "Remove notes.md" }).waitFor();
  await accessible(page, "attached files");
  await page.getByRole("button", { name: "Remove table.csv" }).click();
  await page.getByRole("button", { name: "Remove table.csv" }).waitFor({ state: "detached" });
  await somebody.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the chat pleases on a ${size}, ${colorScheme}`, async () => {
      const somebody = await person({ size: viewport, colorScheme });
      const { page } = somebody;
      await signUp(page);
      await picture(page, `chat-empty-${size}-${colorScheme}`);
      await composer(page).fill("Think, then calculate 2*(3+4) and show what you can do.");
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("article").nth(1).waitFor();
      await settled(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, "nothing is wider than the screen");
      await page.mouse.move(0, 0);
      await accessible(page, `a chat on a ${size}, ${colorScheme}`);
      await picture(page, `chat-${size}-${colorScheme}`);
      await somebody.leave();
    });
  }
}
