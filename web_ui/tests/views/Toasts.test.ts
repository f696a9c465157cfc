import { expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Toasts from "../../src/views/Toasts.svelte";
import { show } from "../helpers/page";

it.each(LANGUAGES)("are said aloud, put away by hand, and go by themselves (%s)", async (language) => {
  vi.useFakeTimers();
  const page = await show(Toasts, { language });
  for (const text of ["one", "two", "three"]) page.app.say(text);
  page.app.say("grave", true);
  await page.settle();
  expect(page.texts(".toast span")).toEqual(["two", "three", "grave"]);
  expect(page.texts("[aria-live=polite] span")).toEqual(["two", "three"]);
  expect(page.texts("[aria-live=assertive] span")).toEqual(["grave"]);
  expect(page.has("[aria-live] [aria-live], [aria-live] [role]"), "none is said by two regions").toBe(false);
  await page.press(t("close"));
  expect(page.texts(".toast span")).toEqual(["three", "grave"]);
  vi.advanceTimersByTime(6_000);
  await page.settle();
  expect(page.texts(".toast span")).toEqual(["grave"]);
  vi.advanceTimersByTime(4_000);
  await page.settle();
  expect(page.has(".toast")).toBe(false);
});
