import { describe, expect, it, vi } from "vitest";

import { LANGUAGES, MAX_TEXT } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { t } from "../../src/lib/i18n.svelte";
import Composer from "../../src/views/Composer.svelte";
import { TALK } from "../helpers/events";
import { MET, show, type Page } from "../helpers/page";

const send = vi.fn();

const composer = (scene: object = {}): Promise<Page> =>
  show(Composer, { events: MET(), props: { uploads: { send } }, ...scene });

const field = (page: Page): HTMLTextAreaElement => page.find("textarea");

async function write(page: Page, text: string): Promise<void> {
  field(page).value = text;
  field(page).dispatchEvent(new Event("input", { bubbles: true }));
  await page.settle();
}

describe("the composer", () => {
  it.each(LANGUAGES)("sends with Enter or the button, to this talk (%s)", async (language) => {
    const page = await composer({ language });
    expect(field(page).placeholder).toBe(t("talk.write"));
    expect(page.button(t("talk.send")).disabled).toBe(true);
    await write(page, "\n 你好\n  好 \n");
    await page.key("Enter", {}, field(page));
    await write(page, "again");
    await page.press(t("talk.send"));
    expect(page.asked.filter(({ command }) => command === "send_text")).toEqual([
      { command: "send_text", talk: TALK, text: " 你好\n  好" },
      { command: "send_text", talk: TALK, text: "again" },
    ]);
    expect(field(page).value).toBe("");
  });

  it("breaks the line with Shift+Enter, and leaves Enter to an input method", async () => {
    const page = await composer();
    await write(page, "a");
    for (const more of [{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }])
      expect((await page.key("Enter", more, field(page))).defaultPrevented).toBe(false);
    expect(page.asked.map(({ command }) => command)).not.toContain("send_text");
  });

  it("says that it writes once, and that it stopped after a while", async () => {
    vi.useFakeTimers();
    const page = await composer();
    await write(page, "a");
    await write(page, "ab");
    vi.advanceTimersByTime(4_100);
    expect(page.asked).toEqual([
      { command: "typing", talk: TALK, typing: true },
      { command: "typing", talk: TALK, typing: false },
    ]);
  });

  it("takes a text as long as the core does, and gives a longer or refused one back", async () => {
    const page = await composer({ replies: { send_text: new Refusal("busy", "Not now.") } });
    await write(page, "好".repeat(MAX_TEXT / 3 + 1));
    await page.key("Enter", {}, field(page));
    expect(page.app.toasts.map((toast) => toast.text)).toEqual([t("code.text_too_long")]);
    await write(page, "x".repeat(MAX_TEXT));
    await page.key("Enter", {}, field(page));
    expect(page.app.toasts.at(-1)!.text).toBe("Not now.");
    expect(field(page).value).toHaveLength(MAX_TEXT);
  });

  it("opens the file dialog by button and key, and uploads what is pasted", async () => {
    const page = await composer();
    await page.press(t("talk.attach"));
    await page.key("u", { ctrlKey: true }, field(page));
    const pick = { command: "pick_files", talk: TALK };
    expect(page.asked).toEqual([pick, pick]);
    const paste = new Event("paste", { cancelable: true });
    const files = [new File(["a"], "a.png")];
    Object.assign(paste, { clipboardData: { files, getData: () => "" } });
    field(page).dispatchEvent(paste);
    expect([paste.defaultPrevented, send.mock.lastCall]).toEqual([true, [files]]);
  });

  it("says each refusal of the files that were picked", async () => {
    const reply = { transfer_ids: ["L1"], refusals: ["Too large.", "Too many."] };
    const page = await composer({ replies: { pick_files: reply } });
    await page.press(t("talk.attach"));
    expect(page.app.toasts.map((toast) => toast.text)).toEqual(reply.refusals);
  });

  it("takes the words of what is pasted when a picture of them comes along", async () => {
    send.mockClear();
    const page = await composer();
    const paste = new Event("paste", { cancelable: true });
    const files = [new File(["a"], "image.png")];
    Object.assign(paste, { clipboardData: { files, getData: () => "1\t2" } });
    field(page).dispatchEvent(paste);
    expect([paste.defaultPrevented, send.mock.calls]).toEqual([false, []]);
  });

  it("puts an emoji where the cursor is, and takes the cursor back by Ctrl+M", async () => {
    const page = await composer();
    await write(page, "ab");
    field(page).setSelectionRange(1, 1);
    await page.press(t("talk.emoji"));
    await page.press("😄");
    expect(field(page).value).toBe("a😄b");
    field(page).blur();
    await page.key("m", { ctrlKey: true });
    expect(document.activeElement).toBe(field(page));
  });
});
