import assert from "node:assert/strict";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, request, send, settled, signUp } from "./lib/steps.js";

/** Opens the dialog for sharing from the menu of a conversation. */
async function openShare(page, title) {
  await page.getByRole("button", { name: `Actions for ${title}` }).click();
  await page.getByRole("menuitem", { name: "Share" }).click();
  await page.getByRole("button", { name: "Create a link" }).waitFor();
}

/** Shares the conversation and returns the link, as it is copied. */
async function share(page, title) {
  await openShare(page, title);
  await page.getByRole("button", { name: "Create a link" }).click();
  await page.getByText("The link is ready.").waitFor();
  const link = await page
    .getByRole("textbox", { name: `Link to “${title}”` })
    .first()
    .inputValue();
  await page.getByRole("button", { name: "Copy link" }).first().click();
  await becomes(() => page.evaluate(() => navigator.clipboard.readText()), link);
  return link;
}

const inTheDialog = (page) => page.getByRole("dialog", { name: "Share by link" });

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`a conversation is shared, looked at and revoked on a ${size}, ${colorScheme}`, async () => {
      const owner = await person({ size: viewport, colorScheme });
      const { page } = owner;
      await signUp(page);
      await send(page, "What is shared first?");
      await settled(page);
      if (size === "phone") {
        await page.getByRole("button", { name: "Open the menu" }).click();
      }
      const link = await share(page, "What is shared first?");
      assert.ok(link.startsWith(`${server}/s/`), link);
      await accessible(page, `the dialog (${size}, ${colorScheme})`);
      await picture(page, `share-dialog-${size}-${colorScheme}`);
      await page.keyboard.press("Escape");
      await inTheDialog(page).waitFor({ state: "hidden" });
      if (size === "phone") {
        await page.keyboard.press("Escape");
      }
      await send(page, "What comes later?");
      await settled(page);

      // Somebody without a session.
      const visitor = await person({ size: viewport, colorScheme });
      await visitor.page.goto(link);
      await visitor.page.getByRole("heading", { level: 1, name: "What is shared first?" }).waitFor();
      await visitor.page.getByRole("heading", { name: "Reply by Demo" }).waitFor();
      await becomes(() => visitor.page.getByRole("article").count(), 2);
      assert.equal(await visitor.page.getByText("What comes later?").count(), 0, "a later message shows");
      assert.equal(
        await visitor.page.locator('meta[name="robots"]').getAttribute("content"),
        "noindex, nofollow",
      );
      assert.equal(await composer(visitor.page).count(), 0, "there is something to write with");
      assert.deepEqual(await visitor.context.cookies(), [], "a visitor gets cookies");
      await accessible(visitor.page, `what is shared (${size}, ${colorScheme})`);
      await picture(visitor.page, `shared-${size}-${colorScheme}`);
      const sideways = () =>
        visitor.page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
      await becomes(sideways, 0, "the page sticks out sideways");

      await page.goto(`${server}/settings/data`);
      await page.getByRole("button", { name: "Revoke the link to “What is shared first?”" }).click();
      await page.getByText("The link is revoked.").waitFor();
      await page.getByText("You share nothing.").waitFor();
      await visitor.page.reload();
      await visitor.page.getByRole("heading", { name: "This link leads nowhere" }).waitFor();
      await accessible(visitor.page, `a link that leads nowhere (${size}, ${colorScheme})`);
      await visitor.leave();
      await owner.leave();
    });
  }
}

test("a link goes with its conversation, and others stay", async () => {
  const owner = await person();
  const { page } = owner;
  await signUp(page);
  for (const text of ["The first one", "The second one"]) {
    await page.goto(server);
    await send(page, text);
    await settled(page);
    await page.getByRole("button", { name: `Actions for ${text}` }).waitFor();
  }
  const first = await share(page, "The first one");
  await inTheDialog(page).getByRole("button", { name: "Close" }).click();
  const second = await share(page, "The second one");
  await becomes(
    () => inTheDialog(page).getByRole("textbox").count(),
    1,
    "links of another conversation are shown",
  );
  await page.getByLabel("The link expires after").selectOption("1 year");
  await page.getByRole("button", { name: "Create a link" }).click();
  await becomes(() => inTheDialog(page).getByRole("textbox").count(), 2);
  await inTheDialog(page).getByRole("button", { name: "Revoke" }).first().click();
  await becomes(() => inTheDialog(page).getByRole("textbox").count(), 1);
  await page.keyboard.press("Escape");

  const id = await page
    .locator("[data-conversation]", { hasText: "The first one" })
    .getAttribute("data-conversation");
  await request(page, "DELETE", `/api/conversations/${id}`);
  const visitor = await person();
  await visitor.page.goto(first);
  await visitor.page.getByRole("heading", { name: "This link leads nowhere" }).waitFor();
  await visitor.page.goto(second);
  await visitor.page.getByRole("heading", { level: 1, name: "The second one" }).waitFor();
  await visitor.page.goto(`${server}/s/nothing`);
  await visitor.page.getByRole("heading", { name: "This link leads nowhere" }).waitFor();
  await visitor.leave();
  await owner.leave();
});
