// Every scenario with every version of the client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { chatOf, resumed, transportOf } from "./lib/chat.js";
import { clients } from "./lib/clients.js";
import { endingServers } from "./lib/env.js";
import { table } from "./lib/table.js";
import { approval } from "./scenarios/approval.js";
import { branches } from "./scenarios/branches.js";
import { errors } from "./scenarios/errors.js";
import { network } from "./scenarios/network.js";
import { replicas } from "./scenarios/replicas.js";
import { replies } from "./scenarios/replies.js";
import { running } from "./scenarios/running.js";

// Those that take longest come first.
const scenarios = { ...replicas, ...approval, ...running, ...network, ...branches, ...errors, ...replies };

/** What each scenario said of each version: undefined for nothing special, and missing where it failed. */
const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, {}]));

describe("the client", { concurrency: clients.length }, () => {
  for (const [i, client] of clients.entries()) {
    const tools = {
      client,

      ending: endingServers[i],
      transport: (user, options) => transportOf(client, user, options),
      open: (user, options) => chatOf(client, user, options),
      resumed: (user, id, options) => resumed(client, user, id, options),
    };
    describe(client.wanted, { concurrency: 3 }, () => {
      it("is that version, on its own ai", () => {
        assert.equal(client.version, client.wanted);
        assert.equal(client.name, "ai");
        assert.equal(Object.getPrototypeOf(client.Chat), client.ai.AbstractChat);
      });
      for (const [name, scenario] of Object.entries(scenarios)) {
        it(name, { timeout: 60_000 }, async () => {
          results[name][client.version] = await scenario(tools);
        });
      }
    });
  }

  after(() => {
    if (process.env.TWOBRAINS_E2E) {
      return;
    }
    const ran = table(Object.keys(scenarios), clients, results);
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    assert.ok(readme.includes(ran), `README.md does not have this table:\n\n${ran}`);
  });
});
