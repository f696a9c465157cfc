import { expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import { FileEntry } from "../../src/models/talk.svelte";
import Picture from "../../src/views/Picture.svelte";
import { TALK } from "../helpers/events";
import { MET, Observer, show } from "../helpers/page";

const preview = { width: 2, height: 1, pixels: "AAAAAAAA" };

it.each(LANGUAGES)(
  "is fetched only near sight, in the shape that its offer showed (%s)",
  async (language) => {
    const [open, onerror] = [vi.fn(), vi.fn()];
    const file = new FileEntry("F1", false, 0, "a.png", "image/png", 9, preview);
    const page = await show(Picture, { events: MET(), language, props: { file, open, onerror } });
    const frame = page.button(t("file.open", { name: "a.png" }));
    expect([frame.style.getPropertyValue("--width"), frame.style.getPropertyValue("--height")]).toEqual([
      "300",
      "150",
    ]);
    expect(page.has("img")).toBe(false);
    Observer.all[0]!.see([{ isIntersecting: true }]);
    await page.settle();
    expect(page.find("img").getAttribute("src")).toBe(`floater://media/${TALK}/F1`);
    page.find("img").dispatchEvent(new Event("error"));
    frame.click();
    expect([onerror.mock.calls.length, open.mock.calls]).toEqual([1, [[file]]]);
    Observer.all[0]!.see([{ isIntersecting: false }]);
    await page.settle();
    expect(page.has("img")).toBe(false);
  },
);
