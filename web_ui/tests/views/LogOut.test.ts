import { expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import LogOut from "../../src/views/LogOut.svelte";
import { tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

it.each(LANGUAGES)("logs out only when the person says so again (%s)", async (language) => {
  const page = await show(LogOut, { events: MET(), language, before: (app) => void (app.sheet = "log_out") });
  expect([page.texts("h2"), page.texts("p")[0]]).toEqual([[t("settings.log_out")], t("hang_up.text")]);
  expect(document.activeElement).toBe(page.button(t("hang_up.stay")));
  await page.press(t("hang_up.stay"));
  expect([page.app.sheet, page.asked]).toEqual([null, []]);
  page.app.sheet = "log_out";
  await page.press(t("settings.log_out"));
  expect([page.app.sheet, page.asked]).toEqual([null, [{ command: "log_out" }]]);
});

it("ends a practice under its own name, and asks no more once the talk is over", async () => {
  const before = (app: { practising: boolean; sheet: unknown }): void => {
    app.practising = true;
    app.sheet = "log_out";
  };
  const page = await show(LogOut, { events: [tell("state", { state: "connecting" }), ...MET()], before });
  expect(page.texts("h2")).toEqual([t("practice.end")]);
  await page.hear(tell("state", { state: "home" }));
  expect(page.app.sheet).toBeNull();
});
