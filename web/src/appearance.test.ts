import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { appearance, setAppearance, textSizes, widths } from "./appearance";

const { dataset } = document.documentElement;

afterEach(() => {
  localStorage.clear();
  delete dataset.tbSize;
  delete dataset.tbWidth;
});

describe("the appearance", () => {
  it("is normal until something is chosen, and again afterwards", () => {
    expect(appearance("textSize")).toBe("normal");
    setAppearance("textSize", "large");
    setAppearance("width", "full");
    expect([appearance("textSize"), appearance("width")]).toEqual(["large", "full"]);
    expect(dataset).toMatchObject({ tbSize: "large", tbWidth: "full" });
    setAppearance("width", "normal");
    expect(appearance("width")).toBe("normal");
    expect(dataset.tbWidth).toBeUndefined();
  });

  it("is back before the first paint of the next visit", () => {
    for (const value of textSizes) {
      setAppearance("textSize", value);
      for (const width of widths) {
        setAppearance("width", width);
        delete dataset.tbSize;
        delete dataset.tbWidth;
        runThemeScript();
        expect([appearance("textSize"), appearance("width")]).toEqual([value, width]);
      }
    }
  });

  it("ignores what it does not know", () => {
    localStorage.setItem("tb-width", "<b>");
    runThemeScript();
    expect(dataset.tbWidth).toBeUndefined();
  });
});

function runThemeScript() {
  globalThis.matchMedia ??= () => ({ matches: false }) as MediaQueryList;
  new Function(readFileSync("public/theme.js", "utf8"))();
}
