import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

// Styles come by component, so a component whose sheet is forgotten is there but not styled.
it("every Mantine component that is used has its style sheet", () => {
  const sheets = ["src/styles.ts", "src/settings/styles.ts", "src/admin/styles.ts"]
    .map((file) => readFileSync(file, "utf8"))
    .join();
  const used = new Set<string>();
  for (const file of sources("src")) {
    for (const [, names = ""] of readFileSync(file, "utf8").matchAll(
      /import \{([^}]*)\} from "@mantine\/core"/g,
    )) {
      for (const name of names.split(",")) {
        used.add(name.trim());
      }
    }
  }
  expect(used).toContain("Button");
  const missing = [...used].filter(
    (name) =>
      existsSync(`node_modules/@mantine/core/styles/${name}.css`) && !sheets.includes(`/${name}.css"`),
  );
  expect(missing).toEqual([]);
});

function sources(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tsx"))
    .map((name) => `${directory}/${name}`);
}
