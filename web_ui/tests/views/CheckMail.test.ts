import { describe, expect, it, vi } from "vitest";

import { LANGUAGES, type Language } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { t } from "../../src/lib/i18n.svelte";
import CheckMail from "../../src/views/CheckMail.svelte";
import { tell } from "../helpers/events";
import { show, type Page } from "../helpers/page";

const MAIL = tell("mailed", { to: "ann@example.org", subject: "Your \u202ecode", code: "042137", text: "…" });

/** A page for the address Ann has typed. */
function page(purpose: "check_mail" | "reset", language: Language = "en", replies = {}): Promise<Page> {
  const back = vi.fn();
  const before = (app: Page["app"]): void => void (app.email = "Ann@example.org");
  return show(CheckMail, { props: { purpose, back }, before, language, replies });
}

describe("the mail of a server on this computer", () => {
  it.each(LANGUAGES)("is shown when it comes, and fills in what it says (%s)", async (language) => {
    const shown = await page("check_mail", language);
    expect(shown.has(".mail")).toBe(false);
    expect(shown.texts("form > p.small")).toEqual([t("check_mail.hint")]);
    await shown.hear(MAIL);
    expect([shown.texts(".mail h2"), shown.texts(".digits")]).toEqual([["Your code"], ["042137"]]);
    await shown.press(t("check_mail.fill_in"));
    expect(shown.find<HTMLInputElement>("input").value).toBe("042137");
    await shown.press(t("check_mail.do"));
    expect(shown.asked).toEqual([{ command: "activate", email: "Ann@example.org", code: "042137" }]);
    expect(shown.app.toasts.map((toast) => toast.text)).toEqual([t("check_mail.done")]);
  });

  it("fills in for a new password, too", async () => {
    const shown = await page("reset");
    await shown.hear({ ...MAIL, code: "K7QM3XBD" });
    await shown.press(t("check_mail.fill_in"));
    expect(shown.find<HTMLInputElement>("input").inputMode).toBe("text");
    await shown.fill(t("field.new_password"), "a new secret");
    await shown.press(t("reset.do"));
    const command = {
      command: "reset_password",
      email: "Ann@example.org",
      code: "K7QM3XBD",
      password: "a new secret",
    };
    expect(shown.asked).toEqual([command]);
  });

  it("is not shown to a person who waits for another", async () => {
    const shown = await page("check_mail");
    await shown.hear({ ...MAIL, to: "bob@example.org" });
    expect(shown.has(".mail")).toBe(false);
  });

  it("makes room for the next when that is asked for", async () => {
    vi.useFakeTimers();
    const shown = await page("check_mail");
    await shown.hear(MAIL);
    expect(shown.button(t("check_mail.again_in", { seconds: 30 })).disabled).toBe(true);
    vi.advanceTimersByTime(31_000);
    await shown.settle();
    await shown.press(t("check_mail.again"));
    expect(shown.asked).toEqual([{ command: "resend_code", email: "Ann@example.org" }]);
    expect(shown.has(".mail")).toBe(false);
    await shown.hear({ ...MAIL, code: "777777" });
    expect(shown.texts(".digits")).toEqual(["777777"]);
  });

  it("says what is wrong with a code where it was typed, and lets another address be used", async () => {
    const shown = await page("check_mail", "en", { activate: new Refusal("wrong_code", "Another code.") });
    await shown.fill(t("field.code"), "111111");
    await shown.press(t("check_mail.do"));
    expect(shown.texts(".Field .error")).toEqual(["Another code."]);
    await shown.press(t("check_mail.other_address"));
    expect(shown.app.screen).toBe("sign_up");
  });
});
