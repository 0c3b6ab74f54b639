import { MantineProvider } from "@mantine/core";
import { cleanup, render } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import Markdown from "./Markdown";

beforeAll(() => {
  vi.stubGlobal("matchMedia", () => ({
    matches: false,
    addEventListener: () => {},
    removeEventListener: () => {},
  }));
});
afterEach(cleanup);

function show(text: string, streaming = false): HTMLElement {
  return render(
    <MantineProvider>
      <Markdown text={text} streaming={streaming} />
    </MantineProvider>,
  ).container;
}

describe("Markdown of a model", () => {
  it("runs nothing and asks nobody", () => {
    const page = show(
      [
        "[click](javascript:alert(1))",
        "![cat](https://tracker.example/cat.png)",
        '<img src="https://tracker.example/x.png" onerror="alert(1)">',
        "<script>alert(1)</script>",
        '<iframe src="https://tracker.example"></iframe>',
        '<a href="data:text/html,x">data</a>',
      ].join("\n\n"),
    );
    expect(page.querySelectorAll("script, iframe, img")).toHaveLength(0);
    for (const link of page.querySelectorAll("a")) {
      expect(link.getAttribute("href")).toMatch(/^https:/);
      expect(link.getAttribute("rel")).toContain("noopener");
    }
    expect(page.innerHTML).not.toMatch(/onerror|javascript:/);
  });

  it("has code that can be copied, and tables", () => {
    const page = show("```go\nfunc main() {}\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nand `inline`");
    expect(page.querySelector("pre code")?.textContent).toBe("func main() {}");
    expect(page.querySelector('button[aria-label="Copy code"]')).not.toBeNull();
    expect(page.querySelectorAll("td")).toHaveLength(2);
    expect(page.querySelector("p code")?.textContent).toBe("inline");
  });

  it("is whole while it is unfinished", () => {
    expect(show("some **bold", true).querySelector("strong, [data-streamdown=strong]")?.textContent).toBe(
      "bold",
    );
    expect(show("see [the docs](https://exam", true).innerHTML).not.toContain("](https");
  });
});
