import { describe, expect, it } from "vitest";
import type { Limits, Model } from "~/api/types";
import { maxFiles, readableSize, refusal, unreadable } from "./attachments";

const mebibyte = 1024 * 1024;
const limits: Limits = {
  messageChars: 100,
  attachmentBytes: 5 * mebibyte,
  messageAttachmentBytes: 8 * mebibyte,
};

const file = (size: number, name = "a.txt") => ({ name, size });

describe("a file", () => {
  it("comes along where there is room", () => {
    expect(refusal(file(10), [], limits)).toBeUndefined();
    expect(refusal(file(5 * mebibyte), [file(3 * mebibyte)], limits)).toBeUndefined();
    expect(refusal(file(100 * mebibyte), [], undefined)).toBeUndefined();
  });

  it("is refused in words that name it and the limit", () => {
    expect(refusal(file(0), [], limits)).toContain("“a.txt” is empty");
    expect(refusal(file(5 * mebibyte + 1), [], limits)).toContain("larger than 5.0 MB");
    expect(refusal(file(9 * mebibyte), [], { ...limits, attachmentBytes: 20 * mebibyte })).toContain(
      "8.0 MB",
    );
    expect(refusal(file(3 * mebibyte + 1), [file(5 * mebibyte)], limits)).toContain("8.0 MB together");
    expect(refusal(file(1), Array(maxFiles).fill(file(1)), limits)).toContain("20 files");
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
