import { describe, expect, it } from "vitest";

import { clock, size, span } from "../../src/lib/time";

describe("times and sizes", () => {
  it("says seconds as people do", () => {
    expect([0, 7, 65, 750, 3723].map(span)).toEqual(["0:00", "0:07", "1:05", "12:30", "1:02:03"]);
  });
  it("says bytes as file managers do", () => {
    expect([0, 999, 1000, 1_500_000, 5_242_880, 1e9].map(size)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "1.5 MB",
      "5.2 MB",
      "1.0 GB",
    ]);
  });
  it("says the hour in the person's way", () => {
    const at = new Date(2026, 0, 2, 14, 5);
    expect(clock(at, "zh-CN")).toBe("14:05");
    expect(clock(at, "en")).toMatch(/^02:05\sPM$/);
  });
});
