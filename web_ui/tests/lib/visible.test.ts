import { describe, expect, it } from "vitest";

import { visible } from "../../src/lib/visible";

describe("what is seen", () => {
  it("takes out what turns the line around or hides in it", () => {
    expect(visible("a\u202eb\u200bc\u2066d\u0007e\ufeff")).toBe("abcde");
  });
  it("keeps lines, tabs and family emoji", () => {
    expect(visible("a\n\tb 👨‍👩‍👧")).toBe("a\n\tb 👨‍👩‍👧");
  });
  it("lets no letter climb out of its line", () => {
    expect([...visible("e" + "\u0301".repeat(50))]).toHaveLength(4);
  });
});
