import assert from "node:assert/strict";
import test from "node:test";
import { accessible, mailedCode, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, composer, send, settled, signIn, signUp } from "./lib/steps.js";

const pages = ["profile", "usage", "models", "keys", "instructions", "memory", "tools", "data", "appearance"];

/** Opens a page of the settings and waits until everything on it is there. */
async function settings(page, name) {
  await page.goto(`${server}/settings/${name}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
}

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the settings on a ${size}, ${colorScheme}`, async () => {
      const somebody = await person({ size: viewport, colorScheme });
      const { page } = somebody;
      await signUp(page);
      await send(page, "Say hello.");
      await settled(page);
      for (const name of pages) {
        await settings(page, name);
        await accessible(page, `${name} (${size}, ${colorScheme})`);
        await picture(page, `settings-${name}-${size}-${colorScheme}`);
        const sideways = () =>
          page.evaluate(() => {
            const view = document.getElementById("main").closest("main");
            return view.scrollWidth - view.clientWidth;
          });
        await becomes(sideways, 0, `${name} sticks out sideways`);
      }
      await somebody.leave();
    });
  }
}

test("a session is revoked from another device", async () => {
  const here = await person();
  const email = await signUp(here.page);
  const there = await person();
  const seen = [await mailedCode(email)];
  await signIn(there.page, email, seen);
  seen.push(await mailedCode(email, seen));
  await send(there.page, "Say hello.");
  await there.page.waitForURL(/\/c\//);
  await settled(there.page);
  await composer(there.page).fill("And one thing more");

  await settings(here.page, "profile");
  await here.page.getByRole("button", { name: /^Sign out Chrome/ }).click();
  await here.page.getByText(/^Chrome.* is signed out\.$/).waitFor();
  // What is being written there is not lost.
  await there.page.keyboard.press("Enter");
  await there.page.waitForURL(/\/auth\/login\?return_to=/);
  await there.page.getByLabel("E-mail address").fill(email);
  await there.page.getByRole("button", { name: "Send me a code" }).click();
  await there.page.getByLabel("Six-digit code").fill(await mailedCode(email, seen));
  await there.page.waitForURL(/\/c\//);
  await becomes(() => composer(there.page).inputValue(), "And one thing more");
  await there.leave();
  await here.leave();
});

test("the e-mail address is changed, confirmed, and then used to sign in", async () => {
  const somebody = await person();
  const { page } = somebody;
  const email = await signUp(page);
  await settings(page, "profile");
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByLabel("New e-mail address").fill(email);
  await page.getByRole("button", { name: "Send a code to the new address" }).click();
  await page.getByText("This is your address already.").waitFor();
  await page.getByLabel("New e-mail address").fill(`new-${email}`);
  await page.getByRole("button", { name: "Send a code to the new address" }).click();
  await page.getByLabel("Six-digit code").fill(await mailedCode(`new-${email}`));
  await page.getByRole("heading", { name: "Address confirmed" }).waitFor();
  await somebody.leave();

  const later = await person();
  await signIn(later.page, `new-${email}`, [await mailedCode(`new-${email}`)]);
  await settings(later.page, "profile");
  await later.page.getByText(`new-${email}`, { exact: true }).first().waitFor();
  await later.leave();
});

test("instructions outlive a reload unsaved and are stored once saved", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await settings(page, "instructions");
  const field = page.getByLabel("Custom instructions");
  await field.fill("Answer briefly.");
  await page.reload();
  await becomes(() => field.inputValue(), "Answer briefly.");
  await somebody.context.setOffline(true);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The change could not be saved").waitFor();
  await becomes(() => field.inputValue(), "Answer briefly.");
  await somebody.context.setOffline(false);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Your instructions count").waitFor();
  await page.reload();
  await becomes(() => field.inputValue(), "Answer briefly.");
  await somebody.leave();
});

test("the appearance is there before the page is drawn", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await settings(page, "appearance");
  const main = page.getByRole("main");
  for (const choice of ["Dark", "Larger", "Full"]) {
    await main.getByText(choice, { exact: true }).click();
    await becomes(() => main.getByRole("radio", { name: choice, exact: true }).isChecked(), true);
  }
  // Without the app's own script, what is set was set by the one that runs first.
  await page.route(/\/assets\/.*\.js$/, (route) => route.abort());
  await page.reload({ waitUntil: "domcontentloaded" });
  const set = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  assert.deepEqual(set, { mantineColorScheme: "dark", tbSize: "larger", tbWidth: "full" });
  await somebody.leave();
});

test("a server of one's own is added, changed and removed", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await settings(page, "tools");
  await page.getByRole("button", { name: "Add a server" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Name", { exact: true }).fill("Mine");
  await form.getByLabel("Address").fill("http://mcp.example.com/mcp");
  await form.getByRole("button", { name: "Add a header" }).click();
  await form.getByLabel("Name of header 1").fill("Authorization");
  await form.getByLabel("Value of header 1", { exact: true }).fill("Bearer planted-secret");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await form.getByText("The address must").waitFor();
  await accessible(page, "the form of a server");
  await form.getByLabel("Address").fill("https://mcp.example.com/mcp");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Mine has been added.").waitFor();
  await form.waitFor({ state: "hidden" });
  assert.doesNotMatch(await page.content(), /planted-secret/);

  await page.getByRole("button", { name: "Edit Mine" }).click();
  await form.getByText("Authorization: stays as it is.").waitFor();
  await form.getByLabel("Address").fill("https://elsewhere.example.com/mcp");
  await form.getByText("At another address the headers have to be entered anew.").waitFor();
  await form.getByRole("button", { name: "Remove header 1" }).click();
  await form.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Mine has been changed.").waitFor();
  await page.getByText("https://elsewhere.example.com/mcp").waitFor();

  await page.getByRole("button", { name: "Remove Mine" }).click();
  await form.getByRole("button", { name: "Remove" }).click();
  await page.getByText("Mine is gone.").waitFor();
  await page.getByText("No server of your own yet").waitFor();
  await somebody.leave();
});

test("models may query one's history once that is switched on", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await settings(page, "tools");
  const toggle = page.getByRole("switch", { name: "Let models query your history" });
  await becomes(() => toggle.isChecked(), false);
  await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/api/settings") && r.request().method() === "PATCH"),
    toggle.click({ force: true }),
  ]);
  await page.reload();
  await becomes(() => toggle.isChecked(), true);
  await page.route("**/api/session", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), sql: false } });
  });
  await page.reload();
  await page.getByText("Not available here").waitFor();
  assert.equal(await toggle.count(), 0);
  await somebody.leave();
});

test("a model that is hidden is in the picker no more", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  await settings(page, "models");
  const hidden = page.getByRole("switch", { name: "Show Claude Haiku 5.5" });
  await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/api/settings") && r.request().method() === "PATCH"),
    hidden.click({ force: true }),
  ]);
  await page.goto(server);
  await composer(page).waitFor();
  await page.getByRole("button", { name: /^Model/ }).click();
  await page.getByText("Claude Opus 5.5").first().waitFor();
  await becomes(() => page.getByText("Claude Haiku 5.5").count(), 0);
  await somebody.leave();
});
