import { expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import HangUp from "../../src/views/HangUp.svelte";
import { TALK } from "../helpers/events";
import { MET, show } from "../helpers/page";

it.each(LANGUAGES)("hangs this talk up only by the red button or Escape (%s)", async (language) => {
  const page = await show(HangUp, { events: MET(), language, before: (app) => void (app.sheet = "hang_up") });
  expect([page.texts("h2"), page.texts("p")[0]]).toEqual([[t("hang_up.title")], t("hang_up.text")]);
  expect(document.activeElement).toBe(page.button(t("hang_up.stay")));
  await page.press(t("hang_up.stay"));
  expect([page.app.sheet, page.asked]).toEqual([null, []]);
  page.app.sheet = "hang_up";
  await page.press(t("talk.hang_up"));
  expect([page.app.sheet, page.asked]).toEqual([null, [{ command: "hang_up", talk: TALK }]]);
  await page.key("a");
  await page.key("Escape");
  expect(page.asked).toHaveLength(2);
});

it("hangs up once on a double click", async () => {
  const page = await show(HangUp, { events: MET(), before: (app) => void (app.sheet = "hang_up") });
  page.button(t("talk.hang_up")).click();
  await page.press(t("talk.hang_up"));
  expect(page.asked).toEqual([{ command: "hang_up", talk: TALK }]);
});
