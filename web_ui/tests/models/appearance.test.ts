import { describe, expect, it, vi } from "vitest";

import { Appearance } from "../../src/models/appearance.svelte";

const shown = (): string | undefined => document.documentElement.dataset["look"];

/** A system that looks like this. Returns what changes it. */
function system(wanted: {
  dark: boolean;
  contrast: boolean;
}): (now: { dark: boolean; contrast: boolean }) => void {
  let now = wanted;
  const hearers: (() => void)[] = [];
  vi.stubGlobal("matchMedia", (query: string) => ({
    get matches() {
      return query.includes("dark") ? now.dark : now.contrast;
    },
    addEventListener: (_: string, hear: () => void) => hearers.push(hear),
  }));
  return (next) => {
    now = next;
    for (const hear of hearers) hear();
  };
}

describe("the appearance", () => {
  it("follows the system, also when that changes", () => {
    const change = system({ dark: false, contrast: false });
    new Appearance();
    expect(shown()).toBe("light");
    change({ dark: true, contrast: false });
    expect(shown()).toBe("dark");
    change({ dark: true, contrast: true });
    expect(shown()).toBe("contrast");
  });

  it("is what the person chose, whatever the system does", () => {
    const change = system({ dark: true, contrast: false });
    const appearance = new Appearance();
    appearance.choose("light");
    expect([appearance.look, shown()]).toEqual(["light", "light"]);
    change({ dark: true, contrast: true });
    expect(shown()).toBe("light");
    appearance.choose("auto");
    expect(shown()).toBe("contrast");
  });
});
