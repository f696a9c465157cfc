import { describe, expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import EmojiPicker from "../../src/views/EmojiPicker.svelte";
import { show } from "../helpers/page";

describe("the emoji", () => {
  it("are moved among by arrows, never out of the drawer", async () => {
    const page = await show(EmojiPicker, { props: { choose: vi.fn(), close: vi.fn() } });
    const drawer = page.find(".EmojiPicker");
    const at = (): number => [...drawer.children].indexOf(document.activeElement!);
    expect(at()).toBe(0);
    for (const [key, place] of [
      ["ArrowRight", 1],
      ["ArrowDown", 9],
      ["ArrowLeft", 8],
      ["ArrowUp", 0],
      ["ArrowUp", 0],
    ] as const) {
      await page.key(key, {}, drawer);
      expect(at(), key).toBe(place);
    }
  });

  it.each(LANGUAGES)("are taken by a press, and put away by Escape (%s)", async (language) => {
    const [choose, close] = [vi.fn(), vi.fn()];
    const page = await show(EmojiPicker, { props: { choose, close }, language });
    expect(page.find(".EmojiPicker").getAttribute("aria-label")).toBe(t("talk.emoji"));
    await page.press("🎉");
    expect(choose).toHaveBeenCalledWith("🎉");
    await page.key("Escape", {}, page.find(".EmojiPicker"));
    expect(close).toHaveBeenCalledOnce();
    expect((await page.key("a", {}, page.find(".EmojiPicker"))).defaultPrevented).toBe(false);
  });
});
