// A browser as a person has it: pages at the size of a desktop or a phone, with everything that goes wrong in them noted.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: docs/web.md says how to run these tests`);
  }
  return value.replace(/\/+$/, "");
}

/** The server under test. */
export const server = required("TWOBRAINS_URL");
const kratosAdmin = required("KRATOS_ADMIN_URL");

export const sizes = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
};

// The sandbox of Chromium does not work for root, as which containers run these tests.
const browser = await chromium.launch({
  executablePath: required("CHROMIUM"),
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
after(() => browser.close());

/** What the browser may say without anything being wrong: it reports every answer that is an error by its status. */
const harmless = /Failed to load resource/;

/** Somebody at a browser of their own. `problems` are the exceptions and complaints of their pages, such as of the CSP. */
export async function person({ size = sizes.desktop, colorScheme = "light" } = {}) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme,
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "UTC",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  context.setDefaultTimeout(30_000);
  const problems = [];
  const foreign = [];
  context.on("weberror", (problem) => problems.push(String(problem.error())));
  context.on("console", (message) => {
    if (message.type() === "error" && !harmless.test(message.text())) {
      problems.push(message.text());
    }
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server) && !url.startsWith("data:") && !url.startsWith("blob:")) {
      foreign.push(url);
    }
  });
  return {
    context,
    problems,
    page: await context.newPage(),
    async leave() {
      await context.close();
      assert.deepEqual(problems, [], "what the pages complained of");
      assert.deepEqual(foreign, [], "requests to others");
    },
  };
}

async function mailedCodes(address) {
  const query = new URLSearchParams({ recipient: address });
  const response = await fetch(`${kratosAdmin}/admin/courier/messages?${query}`);
  const mails = await response.json();
  return mails.map((mail) => /\b\d{6}\b/.exec(mail.body)?.[0]).filter(Boolean);
}

/** Waits for the newest code sent to an address, which must not be among those seen before. */
export async function mailedCode(address, seen = []) {
  const deadline = Date.now() + 40_000;
  while (Date.now() < deadline) {
    const [code] = await mailedCodes(address);
    if (code && !seen.includes(code)) {
      return code;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no code came for ${address}`);
}

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Fails unless axe finds nothing to complain of on the page, by WCAG 2.2 AA. */
export async function accessible(page, where) {
  // Past the page's CSP, which forbids what is not its own: in the world of the driver.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
    worldName: "axe",
  });
  const { readFile } = await import("node:fs/promises");
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression,
      contextId: executionContextId,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, `axe on ${where}`);
    return result.value;
  };
  await run(`${await readFile(axe, "utf8")}; true`);
  const violations = await run(`axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }).then((r) => r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")))`);
  await session.detach();
  assert.deepEqual(violations, [], `axe on ${where}`);
}

/** Keeps a picture of the page where SCREENSHOTS says, if it does. */
export async function picture(page, name) {
  const directory = process.env.SCREENSHOTS;
  if (directory) {
    await mkdir(directory, { recursive: true });
    await page.screenshot({ path: join(directory, `${name}.png`) });
  }
}
