import { describe, expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { language, t } from "../../src/lib/i18n.svelte";
import type { AccountScreen } from "../../src/models/app.svelte";
import Account from "../../src/views/Account.svelte";
import { show, type Page } from "../helpers/page";

const at = (screen: AccountScreen, scene: object = {}): Promise<Page> =>
  show(Account, {
    before: (app) => {
      app.screen = screen;
      app.server = "floater://a";
    },
    ...scene,
  });

describe("the welcome", () => {
  it.each(LANGUAGES)("leads to a log-in, a sign-up, a practice and the servers (%s)", async (tag) => {
    const page = await at("welcome", { language: tag });
    expect(page.texts("p.lead")).toEqual([t("welcome.lead")]);
    await page.press(t("welcome.practise"));
    expect(page.asked).toEqual([{ command: "practise" }]);
    for (const [button, screen] of [
      ["welcome.sign_up", "sign_up"],
      ["welcome.log_in", "log_in"],
      ["welcome.server", "server"],
    ] as const) {
      page.app.screen = "welcome";
      await page.settle();
      await page.press(t(button));
      expect(page.app.screen).toBe(screen);
    }
  });

  it("asks for a server first where there is none", async () => {
    const page = await show(Account);
    await page.press(t("welcome.sign_up"));
    expect(page.app.screen).toBe("server");
  });

  it("speaks the other language, and has the core speak it", async () => {
    const page = await at("welcome");
    await page.press("中文");
    expect(language()).toBe("zh-CN");
    await page.press("English");
    expect(page.asked).toEqual([
      { command: "set", language: "zh-CN" },
      { command: "set", language: "en" },
    ]);
  });
});

describe("a sign-up", () => {
  it("sends what was typed, tells what is to be known, and goes on to the mail", async () => {
    const page = await at("sign_up", {
      replies: { sign_up: { notice: "no_mail", message: "Look in the folder." } },
    });
    await page.fill(t("field.email"), "a@b.c");
    await page.fill(t("field.username"), "Ann");
    await page.fill(t("field.password"), "secret secret");
    await page.tick(t("field.adult"));
    await page.press(t("sign_up.do"));
    expect(page.asked).toEqual([
      { command: "sign_up", email: "a@b.c", username: "Ann", password: "secret secret", adult: true },
    ]);
    expect([page.app.screen, page.app.email]).toEqual(["check_mail", "a@b.c"]);
    expect(page.app.toasts.map((toast) => toast.text)).toEqual(["Look in the folder."]);
  });

  it.each([
    ["bad_email", 0],
    ["bad_username", 1],
    ["bad_password", 2],
  ] as const)("says %s at its field", async (code, field) => {
    const page = await at("sign_up", { replies: { sign_up: new Refusal(code, "Not so.") } });
    await page.press(t("sign_up.do"));
    expect(page.texts(".Field > span")[field]).toBe("Not so.");
    expect(page.texts(".Field > .error")).toHaveLength(1);
    expect(page.has("[role=alert]")).toBe(false);
  });

  it("says any other refusal below", async () => {
    const page = await at("sign_up", { replies: { sign_up: new Refusal("not_adult", "Too young.") } });
    await page.press(t("sign_up.do"));
    expect(page.texts("[role=alert]")).toEqual(["Too young."]);
  });
});

describe("a log-in", () => {
  it.each(LANGUAGES)("sends address and password, and takes the name (%s)", async (tag) => {
    const page = await at("log_in", { replies: { log_in: { username: "Änn" } }, language: tag });
    await page.fill(t("field.email"), "a@b.c");
    await page.fill(t("field.password"), "secret");
    await page.press(t("log_in.do"));
    expect(page.asked).toEqual([{ command: "log_in", email: "a@b.c", password: "secret" }]);
    expect(page.app.username).toBe("Änn");
    expect(page.find<HTMLInputElement>("input[type=password]").value).toBe("");
  });

  it("leads to the mail if the account is not active", async () => {
    const page = await at("log_in", {
      replies: { log_in: new Refusal("not_activated", "Look at your mail.") },
    });
    await page.fill(t("field.email"), "a@b.c");
    await page.press(t("log_in.do"));
    expect([page.app.screen, page.app.email]).toEqual(["check_mail", "a@b.c"]);
  });

  it("leads to a new password, and back", async () => {
    const page = await at("log_in");
    await page.press(t("log_in.forgot"));
    await page.fill(t("field.email"), "a@b.c");
    await page.press(t("forgot.do"));
    expect(page.asked).toEqual([{ command: "forgot_password", email: "a@b.c" }]);
    expect(page.app.screen).toBe("reset");
    await page.press(t("back"));
    expect(page.app.screen).toBe("log_in");
    await page.press(t("back"));
    expect(page.app.screen).toBe("welcome");
  });
});
