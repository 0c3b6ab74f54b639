// The versions of the npm client, each on an `ai` of its own. package.json names them: client-VERSION is @ai-sdk/react in the
// release that goes with that version of `ai`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

async function load(alias) {
  const react = import.meta.resolve(alias);
  const manifest = createRequire(react).resolve("ai/package.json");
  const { name, version, exports } = JSON.parse(readFileSync(manifest, "utf8"));
  const [{ Chat }, ai] = await Promise.all([
    import(react),
    import(new URL(exports["."].import, pathToFileURL(manifest))),
  ]);
  return {
    /** The version of `ai`, as its package says. */
    version,
    /** The version that the alias promises. */
    wanted: alias.slice("client-".length),
    name,
    major: Number(version.split(".", 1)[0]),
    Chat,
    ai,
    /** Takes requests for approval. */
    asks: ai.lastAssistantMessageIsCompleteWithApprovalResponses !== undefined,
    /** A chat that has part of a reply replaces it when it resumes; others append what comes again. */
    replaces: new ai.DefaultChatTransport({}).resumeStreamIsReplay === true,
  };
}

/** All versions, oldest first. */
export const clients = await Promise.all(
  Object.keys(dependencies)
    .filter((name) => name.startsWith("client-"))
    .map(load),
);
