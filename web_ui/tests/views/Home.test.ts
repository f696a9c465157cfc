import { describe, expect, it } from "vitest";

import { LANGUAGES, type AnyEvent } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Home from "../../src/views/Home.svelte";
import { tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

const ONLINE = (): AnyEvent => tell("online", { online: true, error: null, retry_s: null });

describe("home", () => {
  it.each(LANGUAGES)("greets, and asks about the address before the first search (%s)", async (language) => {
    const page = await show(Home, { language });
    expect(page.texts("h1")).toEqual([t("home.hello", { name: "Ann" })]);
    expect(page.find<HTMLButtonElement>(".seek").disabled).toBe(true);
    await page.hear(ONLINE());
    page.find(".seek").click();
    expect([page.app.sheet, page.asked]).toEqual(["address", []]);
    page.app.settings = { ...page.app.settings, address_asked: true, hide_address: true };
    await page.settle();
    page.find(".seek").click();
    page.find(".seek").click(); // of a double click
    expect(page.asked).toEqual([{ command: "seek" }]);
    expect(page.texts("p")).toEqual([t("home.hidden")]);
  });

  it.each(LANGUAGES)("says how the last talk ended, until it is left (%s)", async (language) => {
    const over = [tell("ended", { reason: "peer_lost", lasted_s: 65 }), tell("state", { state: "home" })];
    const page = await show(Home, { events: [...MET(), ...over], language });
    expect([page.texts("h1"), page.texts(".ended p")]).toEqual([
      [t("ended.peer_lost")],
      [t("ended.with", { peer: "Bob", time: "1:05" })],
    ]);
    await page.press(t("receipt.title_over"));
    expect(page.app.sheet).toBe("receipt");
    await page.press(t("home.home"));
    expect([page.has(".ended"), page.texts("h1")]).toEqual([false, [t("home.hello", { name: "Ann" })]]);
  });

  it("says what a practice is, seeks without a question, and ends it", async () => {
    const page = await show(Home, { events: [ONLINE(), tell("server", { server: "s", practising: true })] });
    expect(page.texts("h1")).toEqual([t("practice.title")]);
    page.find(".seek").click();
    await page.press(t("practice.end"));
    expect(page.asked).toEqual([{ command: "seek" }, { command: "log_out" }]);
  });
});
