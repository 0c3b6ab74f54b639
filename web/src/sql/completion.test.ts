import { CompletionContext } from "@codemirror/autocomplete";
import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import type { SqlSchema } from "~/api/sql";
import { columnOptions, type completionSource, tablesOf } from "./completion";
import { sqlLanguage } from "./language";

const column = (name: string, type = "text") => ({ name, type, nullable: false, comment: `about ${name}` });

const schema: SqlSchema = {
  tables: [
    { name: "conversations", comment: "Yours.", columns: [column("id"), column("title")] },
    { name: "messages", comment: "All.", columns: [column("id"), column("parts", "jsonb")] },
  ],
  functions: ["count", "date_trunc"],
};

/** What all sources together offer at the mark "|". */
async function offered(query: string, explicit = false): Promise<string[]> {
  const pos = query.indexOf("|");
  const state = EditorState.create({
    doc: query.replace("|", ""),
    extensions: [sqlLanguage(schema)],
  });
  const context = new CompletionContext(state, pos, explicit);
  const sources = state.languageDataAt<
    (c: CompletionContext) => ReturnType<ReturnType<typeof completionSource>>
  >("autocomplete", pos);
  const results = await Promise.all(sources.map((source) => source(context)));
  return results.flatMap((result) => result?.options.map(({ label }) => label) ?? []);
}

describe("what is offered", () => {
  it("after FROM: tables and nothing else", async () => {
    expect(await offered("SELECT * FROM c|")).toEqual(["conversations", "messages"]);
  });

  it("columns of the tables that are named, functions and keywords", async () => {
    const options = await offered("SELECT t| FROM conversations");
    expect(options).toEqual(expect.arrayContaining(["title", "date_trunc", "WHERE", "jsonb"]));
    expect(options).not.toContain("parts");
  });

  it("columns of all tables while none is named", async () => {
    expect(await offered("SELECT p|")).toEqual(expect.arrayContaining(["title", "parts"]));
  });

  it("columns behind an alias", async () => {
    expect(await offered("SELECT m.| FROM messages m")).toEqual(["id", "parts"]);
  });

  it.each(["SELECT 'a|'", "SELECT 1 -- a|", "SELECT /* a| */ 1", "SELECT |"])(
    "nothing in %j",
    async (query) => {
      expect(await offered(query)).toEqual([]);
    },
  );

  it("everything where it is asked for", async () => {
    expect(await offered("SELECT |", true)).toEqual(expect.arrayContaining(["messages", "parts", "count"]));
  });
});

it("names tables by whole words", () => {
  expect(tablesOf(schema, "SELECT * FROM Messages").map(({ name }) => name)).toEqual(["messages"]);
  expect(tablesOf(schema, "SELECT my_messages")).toHaveLength(2);
});

it("a name that several tables have is offered once, with where it is", () => {
  const [id] = columnOptions(schema.tables).filter(({ label }) => label === "id");
  expect(id?.info).toBe("conversations: about id\nmessages: about id");
});
