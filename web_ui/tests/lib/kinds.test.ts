import { describe, expect, it } from "vitest";

import { kind } from "../../src/lib/kinds";

describe("kinds of files", () => {
  it("says in a word what a type means", () => {
    const types = [
      "image/png",
      "application/ogg",
      "video/webm",
      "text/plain",
      "text/x-shellscript",
      "application/pdf",
    ];
    expect(types.map(kind)).toEqual(["picture", "sound", "video", "text", "program", "pdf"]);
    const others = [
      "application/x-7z-compressed",
      "application/vnd.microsoft.portable-executable",
      "application/x",
      "",
    ];
    expect(others.map(kind)).toEqual(["archive", "program", "file", "file"]);
  });
});
