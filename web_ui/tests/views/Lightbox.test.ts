import { expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import { FileEntry } from "../../src/models/talk.svelte";
import Lightbox from "../../src/views/Lightbox.svelte";
import { TALK } from "../helpers/events";
import { MET, show } from "../helpers/page";

it.each(LANGUAGES)("shows the picture of this talk, zooms, saves and closes (%s)", async (language) => {
  const close = vi.fn();
  const file = new FileEntry("F1", false, 0, "a.png", "image/png", 9, null);
  for (const edge of ["Width", "Height"]) {
    vi.spyOn(HTMLElement.prototype, `client${edge}` as "clientWidth", "get").mockReturnValue(400);
    vi.spyOn(HTMLImageElement.prototype, `natural${edge}` as "naturalWidth", "get").mockReturnValue(800);
  }
  const page = await show(Lightbox, { events: MET(), language, props: { file, close } });
  const image = page.find<HTMLImageElement>("img");
  expect([image.getAttribute("src"), image.alt]).toEqual([`floater://media/${TALK}/F1`, "a.png"]);
  image.dispatchEvent(new Event("load"));
  await page.settle();
  const width = (): number => parseFloat(image.style.width) || 0;
  const whole = width();
  await page.press(t("picture.larger"));
  expect(width()).toBeCloseTo(whole * 1.25);
  await page.press(t("picture.smaller"));
  expect(width()).toBeCloseTo(whole);
  const dialog = page.find("dialog");
  await page.key("+", {}, dialog);
  await page.key("0", {}, dialog);
  await page.key("-", {}, dialog);
  expect(width()).toBeCloseTo(whole); // never smaller than whole
  expect((await page.key("x", {}, dialog)).defaultPrevented).toBe(false);
  await page.press(t("file.save"));
  expect(page.asked).toEqual([{ command: "save_copy", talk: TALK, transfer_id: "F1" }]);
  await page.press(t("close"));
  expect(close).toHaveBeenCalledOnce();
});
