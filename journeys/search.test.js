import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, request, signUp } from "./lib/steps.js";

/**
 * Brings conversations in as another service exports them: each a title and texts, the user's first. A text that is an
 * array is a message with several versions, of which the last is shown.
 */
async function bringIn(page, conversations) {
  const file = conversations.map(({ title, texts }, n) => {
    const mapping = { root: { id: "root", message: null, parent: null, children: [] } };
    let parent = "root";
    let at = 1.7e9 + n * 1e6;
    for (const [place, text] of texts.entries()) {
      let shown;
      for (const version of [text].flat()) {
        shown = randomUUID();
        at += 60;
        mapping[parent].children.push(shown);
        mapping[shown] = {
          id: shown,
          parent,
          children: [],
          message: {
            id: shown,
            author: { role: place % 2 === 0 ? "user" : "assistant" },
            create_time: at,
            content: { content_type: "text", parts: [version] },
            metadata: {},
            recipient: "all",
          },
        };
      }
      parent = shown;
    }
    return { title, conversation_id: randomUUID(), create_time: 1.7e9, current_node: parent, mapping };
  });
  const response = await page.request.post(`${server}/api/account/import`, {
    data: Buffer.from(JSON.stringify(file)),
    headers: { "content-type": "application/octet-stream", origin: server },
  });
  assert.equal(response.status(), 202, await response.text());
  const state = async () => (await (await page.request.get(`${server}/api/account/import`)).json()).state;
  await becomes(state, "done");
}

/** A garden's conversation of so many messages, with something to be found early in it. */
function garden(length) {
  const texts = Array.from({ length }, (_, i) =>
    i % 2 === 0
      ? `Question ${i} about the watering of beds.`
      : `Answer ${i}: water them in the morning, before the sun is high.`,
  );
  texts[4] = "Where do I plant the hydrangea, which is limp at noon?";
  // Higher than a screen.
  const lines = Array.from({ length: 90 }, (_, i) => `- Line ${i} of a long list.`);
  lines[60] = "- Here is the **saffron**, which flowers late.";
  texts[7] = lines.join("\n");
  texts[5] = ["Try the foxglove instead.", "The hydrangea wants shade in the afternoon."];
  return { title: "Garden plan", texts };
}

async function openPalette(page) {
  await page.keyboard.press("Control+k");
  return page.getByRole("combobox");
}

/** Fails unless the message with the text comes into sight, with the focus. */
async function inSight(page, text) {
  const seen = () =>
    page.evaluate((text) => {
      const article = [...document.querySelectorAll("article")].find((one) => one.textContent.includes(text));
      const box = article?.getBoundingClientRect();
      return (
        box !== undefined && box.top >= 0 && box.bottom <= innerHeight && document.activeElement === article
      );
    }, text);
  await becomes(seen, true, `“${text}” is not in sight`);
}

test("a message is found while one types and opened where it stands, far back or in another version", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await bringIn(page, [garden(160), { title: "Boats", texts: ["Is teak good for decks?", "It is."] }]);
  await page.reload();
  await composer(page).waitFor();

  const field = await openPalette(page);
  await field.pressSequentially("hydr");
  const options = page.getByRole("option");
  await page.getByRole("option", { name: /hydrangea wants shade/ }).waitFor();
  await becomes(() => page.getByRole("option").filter({ hasText: "hydrangea" }).count(), 2);
  assert.deepEqual(await page.locator("mark").allInnerTexts(), ["hydrangea", "hydrangea"]);
  await becomes(() => page.getByRole("status").last().innerText(), "2 results");
  await accessible(page, "what was found");
  await picture(page, "search-found");
  // The newest comes first.
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/c\//);
  await inSight(page, "The hydrangea wants shade");
  await becomes(() => new URL(page.url()).search, "", "the address names the message no more");
  await becomes(() => page.locator("[data-target]").count(), 0, "the mark stays");

  await openPalette(page);
  await field.fill("foxglove");
  await page.getByRole("option", { name: /other version/ }).waitFor();
  await page.keyboard.press("Enter");
  await inSight(page, "Try the foxglove instead.");
  await page.getByText("1/2").waitFor();

  // From another conversation, with the one that was found in memory.
  await openPalette(page);
  await field.fill("Boats");
  await becomes(() => options.first().innerText(), "Boats");
  await page.keyboard.press("Enter");
  await page.getByText("Is teak good for decks?").waitFor();
  await openPalette(page);
  await field.fill("limp at noon");
  await page.getByRole("option", { name: /limp at noon/ }).waitFor();
  await page.keyboard.press("Enter");
  await inSight(page, "Where do I plant the hydrangea");
  await accessible(page, "a message that was opened");

  await openPalette(page);
  await field.fill("saffron");
  await page.getByRole("option", { name: /saffron/ }).waitFor();
  await page.keyboard.press("Enter");
  const marked = () =>
    page.evaluate(() => {
      const [range] = CSS.highlights.get("found") ?? [];
      const { top, bottom } = range?.getBoundingClientRect() ?? { top: -1, bottom: -1 };
      return range !== undefined && range.toString() === "saffron" && top > 0 && bottom < innerHeight;
    });
  await becomes(marked, true, "the word is not in sight");
  await somebody.leave();
});

test("a search brings more, finds nothing, and says so when a conversation is gone", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await bringIn(page, [garden(60)]);
  const field = await openPalette(page);
  await field.fill("watering");
  const found = page.getByRole("option").filter({ hasText: "watering" });
  await becomes(() => found.count(), 20);
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.getByRole("option", { selected: true }).innerText(), "Show more");
  await page.keyboard.press("Enter");
  await becomes(() => found.count(), 29);
  // The first of those that came is chosen.
  await becomes(
    async () => /Question 18/.test(await page.getByRole("option", { selected: true }).innerText()),
    true,
  );

  await field.fill("zebra");
  await page.getByText("Nothing found.").waitFor();
  await accessible(page, "nothing found");
  await picture(page, "search-nothing");

  await field.fill("limp at noon");
  await page.getByRole("option", { name: /limp at noon/ }).waitFor();
  const { items } = await (await page.request.get(`${server}/api/conversations`)).json();
  await request(page, "DELETE", `/api/conversations/${items[0].id}`);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "This conversation does not exist" }).waitFor();
  await somebody.leave();
});

test("a search that the server refuses, or does not get, says why and is tried again", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await bringIn(page, [garden(10)]);
  await page.route("**/api/search?*", (route) =>
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
  const field = await openPalette(page);
  await field.fill("hydrangea");
  await page.getByText("That was a lot of searching.").waitFor();
  await accessible(page, "a search that is refused");
  await picture(page, "search-refused");
  await page.unroute("**/api/search?*");
  const again = page.getByRole("button", { name: "Try again" });
  await becomes(() => again.isEnabled(), true);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("option", { name: /hydrangea wants shade/ }).waitFor();

  await page.route("**/api/search?*", (route) => route.abort());
  await field.fill("foxglove");
  await page.getByText("cannot be searched without a connection").waitFor();
  await somebody.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the search on a ${size}, ${colorScheme}`, async () => {
      const somebody = await person({ size: viewport, colorScheme });
      const { page } = somebody;
      await signUp(page);
      await bringIn(page, [garden(120), { title: "Watering the balcony", texts: ["How often?", "Daily."] }]);
      await page.reload();
      await composer(page).waitFor();
      const field = await openPalette(page);
      await accessible(page, `the palette on a ${size}, ${colorScheme}`);
      await picture(page, `palette-${size}-${colorScheme}`);
      await field.fill("water");
      await page
        .getByRole("option", { name: /Question/ })
        .first()
        .waitFor();
      await accessible(page, `the search on a ${size}, ${colorScheme}`);
      await picture(page, `search-${size}-${colorScheme}`);
      await field.fill("limp at noon");
      await page.getByRole("option", { name: /limp at noon/ }).click();
      await inSight(page, "Where do I plant the hydrangea");
      await picture(page, `search-opened-${size}-${colorScheme}`);
      await somebody.leave();
    });
  }
}
