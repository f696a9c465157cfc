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

  it("keeps a bracket that was opened in the address", () => {
    for (const [text, link] of [
      ["https://en.wikipedia.org/wiki/Go_(game)", "https://en.wikipedia.org/wiki/Go_(game)"],
      ["(see https://a.example/x_(y))", "https://a.example/x_(y)"],
      ["(https://a.example/x).", "https://a.example/x"],
      ["[https://a.example/?a[]=1]", "https://a.example/?a[]=1"],
      ["https://a.example/x?!)", "https://a.example/x"],
    ])
      expect(pieces(text!).find((piece) => piece.href)!.text).toBe(link);
  });

  it("ends where words follow without a space, unless the host itself is in such letters", () => {
    for (const [text, link] of [
      ["https://example.com看看这个", "https://example.com"],
      ["https://example.com/a?b=1看看", "https://example.com/a?b=1"],
      ["https://example.com:8080を見て", "https://example.com:8080"],
      ["https://例子.cn/路?a=1。好", "https://例子.cn/路?a=1"],
      ["https://www.例子.cn/路", "https://www.例子.cn/路"],
      ["https://example.com/é", "https://example.com/é"],
    ])
      expect(pieces(text!).find((piece) => piece.href)!.text).toBe(link);
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
