import { expect, it } from "vitest";
import { patchPages } from "./conversations";
import type { Conversation } from "./types";

const page = (...ids: string[]) => ({
  items: ids.map((id) => ({ id, title: id, pinned: false }) as Conversation),
  nextCursor: null,
});
const pages = { pages: [page("a", "b"), page("c")], pageParams: ["", "x"] };

it("shows a change before the server has answered", () => {
  const changed = patchPages(pages, "b", { title: "new", pinned: true });
  expect(changed.pages[0]?.items[1]).toMatchObject({ id: "b", title: "new", pinned: true });
  expect(pages.pages[0]?.items[1]?.title).toBe("b");
});

it("takes a conversation out of the list", () => {
  expect(patchPages(pages, "c", null).pages[1]?.items).toEqual([]);
});
