import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { accessible, person, picture, server, sizes } from "./lib/browser.js";
import { becomes, send, settled, signUp } from "./lib/steps.js";

const editor = (page) => page.getByRole("textbox", { name: "SQL query" });
const grid = (page) => page.getByRole("grid");
const told = (page) => page.getByRole("region", { name: "Result" }).getByRole("status");

/** Opens the page and waits until it knows the tables. */
async function open(page) {
  await page.goto(`${server}/sql`);
  await page.getByRole("heading", { level: 1, name: "SQL" }).waitFor();
  await editor(page).waitFor();
  await page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
}

/** Puts a query into the editor, all at once. */
async function write(page, query) {
  await editor(page).focus();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(query);
}

/** Runs a query and waits for what it brings. */
async function run(page, query) {
  await write(page, query);
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByRole("button", { name: "Run", exact: true }).waitFor();
}

/** Somebody who has sent a message. */
async function writer(message, options) {
  const somebody = await person(options);
  await signUp(somebody.page);
  await send(somebody.page, message);
  await somebody.page.getByRole("article").nth(1).waitFor();
  await settled(somebody.page);
  return somebody;
}

const own = "SELECT seq, parts -> 0 ->> 'text' AS text FROM messages WHERE role = 'user'";

test("one's own messages are queried, and nobody else's", async () => {
  const somebody = await writer("The heron stands in the reeds");
  const { page } = somebody;
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Query your data (SQL)" }).click();
  await page.waitForURL(/\/sql$/);
  await becomes(() => page.title(), "SQL · twobrains");
  // The example that is there at first runs as it is.
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await grid(page).getByText("The heron stands in the reeds").first().waitFor();

  await run(page, own);
  await becomes(() => grid(page).getByRole("row").count(), 2);
  await page.getByRole("gridcell", { name: "The heron stands in the reeds" }).waitFor();
  assert.match(await told(page).textContent(), /^1 row in [\d,]+ ms$/);

  const other = await writer("The otter sleeps");
  await open(other.page);
  await run(other.page, own);
  await other.page.getByRole("gridcell", { name: "The otter sleeps" }).waitFor();
  await becomes(() => grid(other.page).getByRole("row").count(), 2);
  await other.leave();

  // Everything that is offered works.
  for (const name of await names(page, "Examples")) {
    await page.getByRole("button", { name: "Examples" }).click();
    await page.getByRole("menuitem", { name }).click();
    await page.keyboard.press("ControlOrMeta+Enter");
    await page.getByRole("button", { name: "Run", exact: true }).waitFor();
    await told(page)
      .getByText(/ in [\d,]+ ms$/)
      .waitFor();
  }
  await page.getByRole("button", { name: "History" }).click();
  await picture(page, "sql-history");
  await page.getByRole("menuitem", { name: own }).click();
  await becomes(() => editor(page).textContent(), own);
  // What was written is there after a reload, and gone with the session.
  await page.reload();
  await becomes(() => editor(page).textContent(), own);
  await somebody.leave();
});

async function names(page, menu) {
  await page.getByRole("button", { name: menu }).click();
  await page.getByRole("menuitem").first().waitFor();
  const found = await page.getByRole("menuitem").allTextContents();
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "hidden" });
  return found;
}

test("tables, columns and functions are completed", async () => {
  const somebody = await writer("Complete this");
  const { page } = somebody;
  await open(page);
  const option = (name) => page.getByRole("option", { name });
  await write(page, "");
  await page.keyboard.type("SELECT count(*) FROM mess");
  await option(/^messages\b/).waitFor();
  await picture(page, "sql-completion");
  await accessible(page, "completion");
  await page.keyboard.press("Enter");
  await page.keyboard.type(" m WHERE m.conv");
  await option(/^conversation_id/).click();
  await page.keyboard.type(" > '' AND date_tr");
  await option(/^date_trunc/).click();
  await page.keyboard.type("'day', creat");
  await option(/^created_at/).click();
  await becomes(
    () => editor(page).textContent(),
    "SELECT count(*) FROM messages m WHERE m.conversation_id > '' AND date_trunc('day', created_at)",
  );
  await page.keyboard.press("End");
  await page.keyboard.type(" < now()");
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByRole("gridcell", { name: "2" }).waitFor();

  // Clicks put names in.
  await write(page, "SELECT ");
  await page.getByRole("button", { name: "Columns of runs" }).click();
  await page.getByRole("button", { name: "Insert model of runs" }).click();
  await page.keyboard.type(" FROM");
  await page.getByRole("button", { name: "Insert runs", exact: true }).click();
  await becomes(() => editor(page).textContent(), "SELECT model FROM runs");
  await accessible(page, "the tables");
  await somebody.leave();
});

test("what is wrong is marked where it is, and nothing is changed", async () => {
  const somebody = await writer("Leave me alone");
  const { page } = somebody;
  await open(page);
  const wrong = page.locator(".tb-wrong");
  await run(page, "SELECT '🧠🧠',\n  titel\nFROM conversations");
  const alert = page.getByRole("alert");
  await alert.getByText('Column "titel" does not exist.').waitFor();
  await alert.getByText("Line 2, column 3 · SQLSTATE 42703").waitFor();
  await becomes(() => wrong.textContent(), "titel");
  await picture(page, "sql-error");
  await accessible(page, "an error");
  await alert.getByRole("button", { name: "Show the place" }).click();
  await page.keyboard.type("x");
  await becomes(() => wrong.count(), 0);

  for (const [query, where] of [
    ["DELETE FROM messages", "DELETE"],
    ["WITH d AS (DELETE FROM messages RETURNING 1) SELECT * FROM d", "DELETE"],
    ["SELECT 1; DROP TABLE messages", ";"],
    ["COPY messages TO STDOUT", "COPY"],
  ]) {
    await run(page, query);
    await alert.getByText(/only one query can be run here/i).waitFor();
    await becomes(() => wrong.textContent(), where);
  }
  await run(page, "SELECT * FROM public.user_settings");
  await alert.getByText(/only the tables of your own private brain/i).waitFor();
  await run(page, "SELECT pg_sleep(9)");
  await alert.getByText(/cannot be reached from here/).waitFor();
  // Only what is selected is run, and what is wrong is marked where it is.
  await run(page, "SELECT 1;\nSELECT 2, nothing");
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.press("Shift+Home");
  await page.keyboard.press("ControlOrMeta+Enter");
  await alert.getByText('Column "nothing" does not exist.').waitFor();
  await becomes(() => wrong.textContent(), "nothing");
  await run(page, "SELECT count(*) FROM messages");
  await page.getByRole("gridcell", { name: "2" }).waitFor();

  // Too long, cancelled, offline.
  const slow = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
  await run(page, slow);
  await alert.getByText("The query took too long").waitFor();
  await write(page, slow);
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.getByRole("button", { name: "Cancel" }).click();
  await told(page).getByText("Cancelled.").waitFor();
  await run(page, "SELECT 1");
  await alert.getByText("One query at a time").waitFor();
  await somebody.context.setOffline(true);
  await run(page, "SELECT 1");
  await alert.getByText("No connection").waitFor();
  await somebody.context.setOffline(false);
  await somebody.leave();
});

/** Two columns that a spreadsheet would take for something else, and what tells nothing from an empty text. */
const odd = `SELECT n, CASE n WHEN 1 THEN '=HYPERLINK("x")' WHEN 2 THEN '' WHEN 3 THEN NULL ELSE 'a "b",' || chr(10) || 'c 🧠' END AS text,
  jsonb_build_object('n', n) AS document, -n AS negative FROM generate_series(1, 4) n`;

test("a result is downloaded as CSV", async () => {
  const somebody = await writer("Take it along");
  const { page } = somebody;
  await open(page);
  await run(page, odd);
  await grid(page).getByText("NULL", { exact: true }).waitFor();
  await grid(page).getByText("empty", { exact: true }).waitFor();
  await picture(page, "sql-values");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download as CSV" }).click(),
  ]);
  assert.match(download.suggestedFilename(), /^query-\d{4}-\d\d-\d\d-\d{4}\.csv$/);
  assert.equal(
    await readFile(await download.path(), "utf8"),
    '\ufeffn,text,document,negative\r\n1,"\'=HYPERLINK(""x"")","{""n"":1}",-1\r\n2,"","{""n"":2}",-2\r\n3,,"{""n"":3}",-3\r\n' +
      '4,"a ""b"",\nc 🧠","{""n"":4}",-4\r\n',
  );
  await somebody.leave();
});

test("thousands of rows are looked through by keyboard alone", async () => {
  const somebody = await writer("Count");
  const { page } = somebody;
  await open(page);
  await editor(page).focus();
  // Tab indents; after Escape it leaves.
  await write(
    page,
    "SELECT n, repeat('x', CASE n WHEN 9999 THEN 5000 ELSE 5 END) AS text, now() FROM generate_series(1, 12000) n",
  );
  await page.keyboard.press("Home");
  await page.keyboard.press("Tab");
  await becomes(async () => (await editor(page).textContent()).startsWith("  SELECT"), true);
  await page.keyboard.press("ControlOrMeta+Enter");
  await told(page)
    .getByText(/^10,000 rows in/)
    .waitFor();
  await page.getByText("There is more.").waitFor();
  assert.ok((await grid(page).getByRole("row").count()) < 80, "only what is in sight is drawn");
  await picture(page, "sql-many");
  await accessible(page, "a long result");

  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await becomes(() => page.evaluate(() => document.activeElement?.textContent), "Run");
  while (!(await grid(page).evaluate((element) => element === document.activeElement))) {
    await page.keyboard.press("Tab");
  }
  const active = () =>
    grid(page).evaluate((element) => {
      const id = element.getAttribute("aria-activedescendant");
      return id && document.getElementById(id)?.textContent;
    });
  await becomes(active, "1");
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Home");
  await becomes(active, "10000");
  await page.keyboard.press("ArrowUp");
  await becomes(active, "9999");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("x".repeat(5000), { exact: true }).waitFor();
  await accessible(page, "a value in full");
  await picture(page, "sql-value");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await becomes(() => grid(page).evaluate((element) => element === document.activeElement), true);
  // The page's shortcuts leave the editor alone.
  await editor(page).focus();
  await page.keyboard.type("?/");
  await becomes(() => page.getByRole("dialog").count(), 0);
  await somebody.leave();
});

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the SQL page on a ${size}, ${colorScheme}`, async () => {
      const somebody = await writer("Show me", { size: viewport, colorScheme });
      const { page } = somebody;
      await open(page);
      await accessible(page, `SQL (${size}, ${colorScheme})`);
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await grid(page).waitFor();
      await accessible(page, `a result (${size}, ${colorScheme})`);
      await picture(page, `sql-${size}-${colorScheme}`);
      if (size === "phone") {
        await page.getByRole("button", { name: "Tables" }).click();
      }
      await page.getByRole("button", { name: "Columns of messages" }).click();
      await page.getByRole("button", { name: "Insert parts of messages" }).waitFor();
      await accessible(page, `tables (${size}, ${colorScheme})`);
      await picture(page, `sql-tables-${size}-${colorScheme}`);
      const sideways = () =>
        page.evaluate(() => {
          const view = document.getElementById("main");
          return view.scrollWidth - view.clientWidth;
        });
      await becomes(sideways, 0, "the page sticks out sideways");
      await somebody.leave();
    });
  }
}
