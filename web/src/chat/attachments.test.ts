import { describe, expect, it } from "vitest";
import type { Model } from "~/api/types";
import { maxFiles, maxTogether, readableSize, refusal, unreadable } from "./attachments";

const file = (size: number, name = "a.txt") => ({ name, size });

describe("a file", () => {
  it("comes along where there is room", () => {
    expect(refusal(file(10), [])).toBeUndefined();
    expect(refusal(file(maxTogether - 10), [file(10)])).toBeUndefined();
  });

  it("is refused in words that name it and the limit", () => {
    expect(refusal(file(0), [])).toContain("“a.txt” is empty");
    expect(refusal(file(maxTogether + 1), [])).toContain("larger than 20.0 MB");
    expect(refusal(file(11), [file(maxTogether - 10)])).toContain("together");
    expect(refusal(file(1), Array(maxFiles).fill(file(1)))).toContain("20 files");
  });

  it("has to be one the model can read", () => {
    const model = { name: "Blind", capabilities: { images: false, files: false } } as Model;
    expect(unreadable(model, [{ mediaType: "text/plain" }])).toBeUndefined();
    expect(unreadable(model, [{ mediaType: "image/png" }])).toContain("Blind cannot read images");
    expect(unreadable(model, [{ mediaType: "application/pdf" }])).toContain("PDFs");
    expect(unreadable(undefined, [{ mediaType: "image/png" }])).toBeUndefined();
  });
});

it("sizes are readable", () => {
  expect([0, 1023, 1536, 5 * 1024 * 1024].map(readableSize)).toEqual(["0 B", "1023 B", "2 KB", "5.0 MB"]);
});
