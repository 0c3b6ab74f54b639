// Where the servers are and how mailed codes are read, from the environment.

function url(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: README.md says how to run these tests`);
  }
  return value.replace(/\/+$/, "");
}

/** The server under test, and another one on the same database. */
export const server = url("TWOBRAINS_URL");
export const otherServer = url("TWOBRAINS_OTHER_URL");

/** More of them, one for each version of the client, for tests that stop them with `terminate`. */
export const endingServers = url("TWOBRAINS_ENDING_URLS").split(",");

/** An MCP server at /mcp, and what stops servers. */
export const helper = url("TWOBRAINS_HELPER_URL");

/** Kratos's admin API, where mail waits that nobody delivers. */
export const kratosAdmin = url("KRATOS_ADMIN_URL");

/** Sends SIGTERM to one of endingServers. */
export async function terminate(ending) {
  const response = await fetch(`${helper}/terminate/${endingServers.indexOf(ending)}`, { method: "POST" });
  if (!response.ok) {
    throw new Error(`terminate ${ending}: ${response.status}`);
  }
}
