import { describe, expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { language, t } from "../../src/lib/i18n.svelte";
import Settings from "../../src/views/Settings.svelte";
import { tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

describe("the settings", () => {
  it.each(LANGUAGES)("change the name, or say why not (%s)", async (tag) => {
    const replies = { set_username: { username: "Änn" } };
    const page = await show(Settings, { replies, language: tag });
    expect(page.button(t("settings.rename")).disabled).toBe(true);
    await page.fill(t("field.username"), "Änn ");
    await page.press(t("settings.rename"));
    expect(page.asked).toEqual([{ command: "set_username", username: "Änn " }]);
    expect([page.app.username, page.app.toasts[0]!.text]).toEqual(["Änn", t("settings.name_changed")]);
  });

  it("say at the field what is wrong with a name or a password", async () => {
    const replies = {
      set_username: new Refusal("bad_username", "No such name."),
      change_password: new Refusal("wrong_password", "Another one."),
    };
    const page = await show(Settings, { replies });
    await page.fill(t("field.username"), "x");
    await page.press(t("settings.rename"));
    await page.fill(t("field.old_password"), "old");
    await page.fill(t("field.new_password"), "new");
    await page.press(t("settings.change_password"));
    expect(page.texts(".error")).toEqual(["No such name.", "Another one."]);
    expect(page.asked[1]).toEqual({ command: "change_password", old: "old", new: "new" });
  });

  it("speak another language, and look another way, at once", async () => {
    const page = await show(Settings);
    await page.tick("中文");
    expect([language(), page.app.settings.language]).toEqual(["zh-CN", "zh-CN"]);
    await page.tick(t("look.dark"));
    expect([page.app.appearance.look, page.app.settings.appearance]).toEqual(["dark", "dark"]);
    expect(page.asked).toEqual([
      { command: "set", language: "zh-CN" },
      { command: "set", appearance: "dark" },
    ]);
  });

  it("hide the address, and leave the router alone then", async () => {
    const page = await show(Settings);
    await page.tick(t("settings.map_port"));
    await page.tick(t("settings.hide_address"));
    expect(page.asked).toEqual([
      { command: "set", map_port: false },
      { command: "set", hide_address: true },
    ]);
    expect(
      [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox]")].map((box) => box.disabled),
    ).toEqual([...[false, true]]);
  });

  it("ask before a log-out that would end a talk", async () => {
    const page = await show(Settings, { events: MET(), before: (app) => void (app.sheet = "settings") });
    await page.press(t("settings.log_out"));
    expect([page.app.sheet, page.asked]).toEqual(["log_out", []]);
    await page.hear(tell("ended", { reason: "peer_lost", lasted_s: 1 }));
    await page.press(t("settings.log_out"));
    expect([page.app.sheet, page.asked]).toEqual([null, [{ command: "log_out" }]]);
  });

  it("check the network, choose a folder, and lead on", async () => {
    const replies = { network: { words: ["All is well."] } };
    const page = await show(Settings, {
      replies,
      before: (app) => void (app.settings = { ...app.settings, downloads: "/home/ann/Downloads" }),
    });
    expect(page.texts("bdi")[0]).toBe("Downloads");
    await page.press(t("settings.check"));
    expect(page.texts("[role=status] li")).toEqual(["All is well."]);
    await page.press(t("settings.choose"));
    await page.press(t("settings.log_out"));
    expect(page.asked.map(({ command }) => command)).toEqual(["network", "choose_downloads", "log_out"]);
    await page.press(t("shortcuts.title"));
    expect(page.app.sheet).toBe("shortcuts");
    await page.press(t("close"));
    expect(page.app.sheet).toBeNull();
  });
});
