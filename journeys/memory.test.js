import assert from "node:assert/strict";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, request, send, settled, signUp } from "./lib/steps.js";

/** Opens the notes and waits until they are there. */
async function memory(page) {
  await page.goto(`${server}/settings/memory`);
  await page.getByRole("heading", { level: 1, name: "Memory" }).waitFor();
  await page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
}

const notes = (page) => page.getByRole("list", { name: "Notes" }).getByRole("listitem");

async function add(page, text) {
  await page.getByLabel("New note").fill(text);
  await page.getByRole("button", { name: "Add" }).click();
  await notes(page).filter({ hasText: text }).waitFor();
}

test("notes are written, known to models, changed by them with consent, and forgotten", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await memory(page);
  await page.getByText("No notes yet").waitFor();
  await add(page, "I cook vegetarian.");
  await becomes(() => page.getByLabel("New note").inputValue(), "");
  await page.getByText("1 of 200").waitFor();

  // Nothing goes to a model before it is allowed.
  await page.goto(server);
  await send(page, "demo:notes");
  await page.getByText("You let me know no notes.").waitFor();
  await settled(page);
  await memory(page);
  const use = page.getByRole("switch", { name: "Let models know my notes" });
  await becomes(() => use.isChecked(), false);
  await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/api/settings") && r.request().method() === "PATCH"),
    use.click({ force: true }),
  ]);
  // Not even "never ask" speaks for the user here.
  await request(page, "PATCH", "/api/settings", { toolApproval: "never" });
  await page.goto(server);
  await send(page, "demo:notes");
  await page.getByRole("listitem").filter({ hasText: "I cook vegetarian." }).waitFor();
  await settled(page);

  await send(page, "demo:remember I have a dog.");
  const question = page.getByRole("region", { name: /May this run/ });
  await question.getByText("To be remembered").waitFor();
  await question.getByText("I have a dog.").waitFor();
  await settled(page);
  await accessible(page, "a change of the notes");
  await picture(page, "memory-approval");
  await question.getByRole("button", { name: "Deny" }).click();
  await question.getByRole("button", { name: "Deny" }).click();
  await page.getByText("could not be used").waitFor();
  await settled(page);
  await send(page, "demo:remember I have a dog.");
  await question.getByRole("button", { name: "Allow" }).click();
  await page.locator("summary", { hasText: /memory.*done/i }).waitFor();
  await settled(page);
  const conversation = page.url();

  await memory(page);
  await becomes(() => notes(page).count(), 2);
  const written = notes(page).filter({ hasText: "I have a dog." });
  await written.getByText("A model", { exact: true }).waitFor();
  await notes(page).filter({ hasText: "I cook" }).getByText("You", { exact: true }).waitFor();
  await written.getByRole("link", { name: "Conversation" }).click();
  await page.waitForURL(conversation);
  await memory(page);

  // Other words are one's own.
  await page.getByRole("button", { name: "Edit “I have a dog.”" }).click();
  await page.getByLabel("Change the note").fill("I have two dogs.");
  await page.getByRole("button", { name: "Save" }).click();
  const own = notes(page).filter({ hasText: "I have two dogs." });
  await own.getByText("You", { exact: true }).waitFor();
  assert.equal(await own.getByRole("link").count(), 0);
  await page.getByRole("button", { name: "Delete “I cook vegetarian.”" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("The note is deleted.").waitFor();
  await page.reload();
  await becomes(() => notes(page).count(), 1);

  const other = await person();
  await signUp(other.page);
  await memory(other.page);
  await other.page.getByText("No notes yet").waitFor();
  await other.leave();

  await page.getByRole("button", { name: "Forget everything" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget everything" }).click();
  await page.getByText("No notes yet").waitFor();
  await page.reload();
  await page.getByText("No notes yet").waitFor();
  await somebody.leave();
});

test("what is no note is not sent, and what the server refuses stays to be sent again", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await memory(page);
  const field = page.getByLabel("New note");
  const button = page.getByRole("button", { name: "Add" });
  await becomes(() => button.isDisabled(), true);
  await field.fill(" \n ");
  await becomes(() => button.isDisabled(), true);
  await field.fill("😀".repeat(401));
  await page.getByText("401 of 400 characters").waitFor();
  await becomes(() => button.isDisabled(), true);
  await field.fill("Kept.");
  await page.reload();
  await becomes(() => field.inputValue(), "Kept.");
  await somebody.context.setOffline(true);
  await button.click();
  await page.getByText("The change could not be saved").waitFor();
  await becomes(() => field.inputValue(), "Kept.");
  await somebody.context.setOffline(false);
  await add(page, "<img src=x onerror=alert(1)> stays a text.");

  await page.route("**/api/memories", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), limit: 1 } });
  });
  await page.reload();
  await page.getByText("1 of 1", { exact: true }).waitFor();
  await page.getByText("Delete some first.").waitFor();
  await field.fill("One too many.");
  await becomes(() => button.isDisabled(), true);
  await somebody.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`notes on a ${size}, ${colorScheme}`, async () => {
      const somebody = await person({ size: viewport, colorScheme });
      const { page } = somebody;
      await signUp(page);
      await memory(page);
      await add(page, `A long word: ${"x".repeat(300)}`);
      await add(page, "I cook vegetarian, for two.");
      await page.getByRole("button", { name: "Edit “I cook" }).click();
      await page.getByLabel("Change the note").waitFor();
      await accessible(page, `notes (${size}, ${colorScheme})`);
      await picture(page, `memory-${size}-${colorScheme}`);
      await page.getByRole("button", { name: "Cancel" }).click();
      // The way back is where it was.
      await becomes(() => page.evaluate(() => document.activeElement.textContent), "Edit");
      await page.getByRole("button", { name: "Delete “I cook" }).click();
      await page.getByRole("dialog").waitFor();
      await accessible(page, `the deletion of a note (${size}, ${colorScheme})`);
      await page.keyboard.press("Escape");
      await becomes(
        () =>
          page.evaluate(() => {
            const view = document.getElementById("main").closest("main");
            return view.scrollWidth - view.clientWidth;
          }),
        0,
        "notes stick out sideways",
      );
      await composer(page).waitFor({ state: "detached" });
      await somebody.leave();
    });
  }
}
