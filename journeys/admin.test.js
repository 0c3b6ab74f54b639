import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, send, settled, signUp } from "./lib/steps.js";

const run = promisify(execFile);

/** Somebody whom the command line has made an admin. */
async function admin(options) {
  const somebody = await person(options);
  const address = await signUp(somebody.page);
  const { stdout } = await run(process.env.TWOBRAINS_CLI, ["admin", "grant", address, "--by", "journeys"]);
  assert.match(stdout, /administers the platform now/);
  return { ...somebody, address };
}

/** Opens a page of the administration and waits until everything on it is there. */
async function open(page, path, title) {
  await page.goto(`${server}${path}`);
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  await loaded(page);
}

const loaded = (page) => page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));

const notice = (page, text) =>
  page.locator(".mantine-Notification-root", { hasText: text }).first().waitFor();

/** Answers the question of a dialog. */
async function confirm(page, action) {
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: action, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

test("who is no admin finds nothing there", async () => {
  const somebody = await person();
  const { page } = somebody;
  await signUp(page);
  for (const path of ["/admin", "/admin/users", "/admin/sql"]) {
    await page.goto(`${server}${path}`);
    await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
  }
  const status = await page.evaluate(async () => (await fetch("/api/admin/users")).status);
  assert.equal(status, 404);
  await page.goto(server);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Settings" }).waitFor();
  assert.equal(await page.getByRole("menuitem", { name: "Administration" }).count(), 0);
  await somebody.leave();
});

test("a user is found, limited, told something, and suspended; all of it is on record", async () => {
  const boss = await admin();
  const user = await person();
  const address = await signUp(user.page);
  const { page } = boss;
  await page.goto(server);
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Administration" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  // A plan with one message a day.
  const plan = `one-${randomUUID().slice(0, 8)}`;
  await open(page, "/admin/plans", "Plans");
  await page.getByRole("button", { name: "New plan" }).click();
  await page.getByLabel("Id", { exact: true }).fill("Not an id");
  await page.getByLabel("Name").fill(plan);
  await page.getByLabel("Messages a day").fill("-1");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("A whole number, or nothing.").waitFor();
  await page.getByLabel("Id", { exact: true }).fill(plan);
  await page.getByLabel("Messages a day").fill("1");
  await accessible(page, "a new plan");
  await picture(page, "admin-plan");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: plan }).waitFor();

  // It is given to the user.
  await open(page, "/admin/users", "Users");
  await page.getByLabel("Find by e-mail address or id").fill(address);
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("link", { name: address }).click();
  await page.getByRole("heading", { level: 1, name: address }).waitFor();
  await loaded(page);
  const id = new URL(page.url()).pathname.split("/").at(-1);
  await page.getByRole("combobox", { name: "Plan" }).selectOption({ label: plan });
  await page.getByRole("button", { name: "Save the plan" }).click();
  await notice(page, "The plan is saved.");

  // The user is warned, and then refused.
  await send(user.page, "The only one today");
  await user.page.getByRole("article").nth(1).waitFor();
  await settled(user.page);
  await user.page.getByText("1 of today's 1 messages are used.").waitFor();
  await picture(user.page, "chat-warning");
  await accessible(user.page, "a warning");
  await send(user.page, "One too many");
  await user.page.getByRole("alert").getByText("You have used today's messages", { exact: true }).waitFor();
  await user.page.goto(`${server}/settings/usage`);
  await user.page.getByText(`Plan: ${plan}`).waitFor();
  await user.page.getByText("1 of 1", { exact: true }).waitFor();
  await accessible(user.page, "the usage under a plan");
  await picture(user.page, "settings-usage-plan");

  // Everybody is told something.
  const text = `The kettle is on. (${plan})`;
  await open(page, "/admin/announcements", "Announcements");
  await page.getByRole("button", { name: "New announcement" }).click();
  await page.getByLabel("Text").fill(text);
  await page.getByText("Preview").waitFor();
  await accessible(page, "a new announcement");
  await picture(page, "admin-announcement");
  await page.getByRole("button", { name: "Announce" }).click();
  await notice(page, "The announcement is saved.");
  const banner = user.page.getByRole("status").filter({ hasText: text });
  await becomes(async () => {
    await user.page.reload();
    await user.page.getByRole("heading", { level: 1 }).waitFor();
    await user.page.waitForLoadState("networkidle");
    return await banner.count();
  }, 1);
  await accessible(user.page, "an announcement");
  await banner.getByRole("button", { name: "Dismiss" }).click();
  await becomes(() => banner.count(), 0);
  const listed = page.getByRole("listitem").filter({ hasText: text });
  await listed.getByRole("button", { name: "Delete" }).click();
  await confirm(page, "Delete");
  await notice(page, "The announcement is deleted.");

  // The user is kept out.
  await open(page, `/admin/users/${id}`, address);
  await page.getByRole("button", { name: "Suspend" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("Too fond of herons");
  await accessible(page, "suspending");
  await picture(page, "admin-suspend");
  await confirm(page, "Suspend");
  await notice(page, "The account is suspended.");
  await page.getByText("Reinstated, it can sign in again.").waitFor();
  await user.page.goto(server);
  await user.page.waitForURL(/\/auth\/login/);

  // All of it is on record.
  await open(page, `/admin/audit?subject=${id}`, "Audit log");
  const entries = page.getByRole("list", { name: "Entries" });
  await entries.getByText("user.suspend", { exact: true }).first().waitFor();
  await entries.getByText("user.view", { exact: true }).first().waitFor();
  await entries.getByText("user_plans.insert", { exact: true }).waitFor();
  await entries.getByText("Too fond of herons").first().waitFor();
  await accessible(page, "the audit log");
  await picture(page, "admin-audit");
  await page.getByLabel("About").fill("");
  await page.getByLabel("Action").fill("announcements");
  await page.getByRole("button", { name: "Filter" }).click();
  await entries.getByText("announcements.insert", { exact: true }).first().waitFor();
  await entries.getByText("announcements.delete", { exact: true }).first().waitFor();
  assert.equal(await entries.getByText("user.suspend", { exact: true }).count(), 0);

  // Nobody is cut off for good.
  await open(page, `/admin/users/${id}`, address);
  await page.getByRole("button", { name: "Reinstate" }).click();
  await confirm(page, "Reinstate");
  await notice(page, "The account is reinstated.");
  await user.leave();
  await boss.leave();
});

test("an admin asks the public brain", async () => {
  const boss = await admin();
  const { page } = boss;
  await open(page, "/admin/sql", "SQL");
  const editor = page.getByRole("textbox", { name: "SQL query" });
  const write = async (query) => {
    await editor.focus();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.insertText(query);
  };
  await write("SELECT count(*) > 0 AS any, 'a \"b\"' AS text FROM public.tenants");
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByRole("gridcell", { name: "true" }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download as CSV" }).click(),
  ]);
  assert.equal(await readFile(await download.path(), "utf8"), '\ufeffany,text\r\ntrue,"a ""b"""\r\n');
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  await page.getByText("The plan of the query, which was not run.").waitFor();
  await page.getByText(/cost=\d/).waitFor();
  await accessible(page, "a plan");
  await picture(page, "admin-sql-plan");
  await write("DELETE FROM public.plans");
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByRole("alert").waitFor();

  const name = `Accounts ${randomUUID().slice(0, 8)}`;
  await write("SELECT count(*) FROM public.tenants");
  await page.getByRole("button", { name: "Saved queries" }).click();
  await page.getByRole("menuitem", { name: /^Save the query/ }).click();
  await page.getByRole("dialog").getByLabel("Name").fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await notice(page, name);
  await write("SELECT 1");
  await page.getByRole("button", { name: "Saved queries" }).click();
  await page.getByRole("menuitem", { name }).click();
  await becomes(() => editor.textContent(), "SELECT count(*) FROM public.tenants");
  await open(page, "/admin/audit?action=sql.run", "Audit log");
  await page.getByRole("list", { name: "Entries" }).getByText("FROM public.tenants").first().waitFor();
  await boss.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the administration on a ${size}, ${colorScheme}`, async () => {
      const boss = await admin({ size: viewport, colorScheme });
      const { page } = boss;
      for (const [path, title] of [
        ["/admin", "Overview"],
        ["/admin/users", "Users"],
        ["/admin/plans", "Plans"],
        ["/admin/models", "Models"],
        ["/admin/announcements", "Announcements"],
        ["/admin/sql", "SQL"],
        ["/admin/audit", "Audit log"],
      ]) {
        await open(page, path, title);
        assert.equal(await page.getByRole("alert").count(), 0, `${title} complains`);
        await accessible(page, `${title} (${size}, ${colorScheme})`);
        await picture(page, `admin-${title.toLowerCase().replace(" ", "-")}-${size}-${colorScheme}`);
        const sideways = () =>
          page.evaluate(() => {
            const view = document.getElementById("main").parentElement;
            const { scrollWidth, clientWidth } = document.documentElement;
            return Math.max(view.scrollWidth - view.clientWidth, scrollWidth - clientWidth);
          });
        await becomes(sideways, 0, `${title} sticks out sideways`);
      }
      await boss.leave();
    });
  }
}
