import { describe, expect, it } from "vitest";

import { pieces } from "../../src/lib/links";

describe("links", () => {
  it("gives the text back when joined", () => {
    for (const text of [
      "",
      "a",
      "见 https://例子.cn/路?a=1。好",
      "http://a.b,http://c.d!",
      "javascript:alert(1)",
    ])
      expect(
        pieces(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
  });

  it("leaves punctuation of the sentence out", () => {
    expect(pieces("看 https://a.example/x。").filter((piece) => piece.href)).toEqual([
      { text: "https://a.example/x", href: "https://a.example/x" },
    ]);
  });

  it("knows web addresses only, and none with a name and password in front", () => {
    for (const text of [
      "javascript:alert(1)",
      "file:///etc/passwd",
      "floater://a",
      "https://bank.example@evil.example/",
    ])
      expect(pieces(text).some((piece) => piece.href)).toBe(false);
  });

  it("shows look-alike hosts as they really are", () => {
    expect(pieces("https://аpple.com/")[0]!.href).toBe("https://xn--pple-43d.com/");
  });
});
