import { describe, expect, it } from "vitest";

import cases from "../../../tests/vectors/visible.json";
import { visible } from "../../src/lib/visible";

describe("what is seen", () => {
  it("takes out what turns the line around or hides in it", () => {
    expect(visible("a\u202eb\u200bc\u202dd\u0007e\ufeff")).toBe("abcde");
  });
  it("keeps lines, tabs and family emoji", () => {
    expect(visible("a\n\tb 👨‍👩‍👧")).toBe("a\n\tb 👨‍👩‍👧");
  });
  it("lets no letter climb out of its line", () => {
    expect([...visible("e" + "\u0301".repeat(50))]).toHaveLength(3);
  });
  it.each(cases.whole)("keeps the word %s whole", (word) => {
    expect(visible(word.normalize("NFC"))).toBe(word.normalize("NFC"));
  });
  it.each(cases.towers)("bounds a tower of marks", (tower, low) => {
    expect(visible(tower as string)).toBe(low);
  });
  it("bounds marks also when spacing marks, joiners and line marks stand between", () => {
    expect(visible("က" + "\u1031\u103d".repeat(9))).toBe("က" + "\u1031\u103d".repeat(4) + "\u1031".repeat(5));
    expect(visible("a" + "\u200d\u0301".repeat(9)).match(/\u0301/g)).toHaveLength(2);
  });
  it("keeps the direction that the writer gave to brackets, and no tags without a flag", () => {
    expect(visible("\u200f(שלום)!")).toBe("\u200f(שלום)!");
    expect(visible("a\u{e0067}\u{e007f}\u{e0100}")).toBe("a");
  });
});
