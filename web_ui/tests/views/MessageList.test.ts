import { describe, expect, it, vi } from "vitest";

import { LANGUAGES, type AnyEvent } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import MessageList from "../../src/views/MessageList.svelte";
import { tell } from "../helpers/events";
import { MET, Observer, show, type Page } from "../helpers/page";

const GREETED = (): AnyEvent[] => [
  ...MET(),
  tell("greeted", { language: "zh", greeting: "你好" }),
  tell("peer_greeted", { language: "en", greeting: "Hello" }),
];

/** A list that is 1000 pixels high, of which 100 can be seen. */
async function list(language: "en" | "zh-CN" = "en"): Promise<Page> {
  vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockReturnValue(1_000);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(100);
  return show(MessageList, { events: GREETED(), language, props: { open: vi.fn(), follow: vi.fn() } });
}

async function scroll(page: Page, top: number): Promise<void> {
  page.find(".MessageList").scrollTop = top;
  page.find(".MessageList").dispatchEvent(new Event("scroll"));
  await page.settle();
}

describe("the list of messages", () => {
  it.each(LANGUAGES)("says how the talk began, and that the peer writes (%s)", async (language) => {
    const page = await list(language);
    expect(page.texts(".begun")).toEqual([t("talk.begun", { peer: "Bob", theirs: "Hello", ours: "你好" })]);
    await page.hear(tell("peer_typing", { typing: true }));
    expect(page.texts(".typing")).toEqual([`Bob ${t("talk.typing")}`]);
  });

  it.each([true, false])(
    "is looked at from its beginning if the window is in front (%s)",
    async (inFront) => {
      vi.spyOn(document, "hasFocus").mockReturnValue(inFront);
      const page = await list();
      expect(page.app.looking).toBe(inFront);
    },
  );

  it("stays at the end as it grows", async () => {
    const page = await list();
    await page.hear(tell("text", { message_id: "1", text: "a" }));
    Observer.all[0]!.see([]);
    expect([page.find(".MessageList").scrollTop, page.has(".down")]).toEqual([1_000, false]);
  });

  it.each(LANGUAGES)("says how many messages came before those that are kept (%s)", async (language) => {
    const page = await list(language);
    expect(page.has(".earlier")).toBe(false);
    page.talk.earlier = 50;
    await page.settle();
    expect(page.texts(".earlier")).toEqual([t("talk.earlier", { count: 50 })]);
  });

  it("stays at the end when the oldest messages are dropped above", async () => {
    const page = await list();
    await page.hear(tell("text", { message_id: "1", text: "a" }));
    await scroll(page, 900);
    page.talk.earlier = 50;
    await scroll(page, 700); // Chromium has moved it by what was dropped
    expect(page.has(".down")).toBe(false);
    await scroll(page, 600); // the person has
    expect(page.has(".down")).toBe(true);
  });

  it("leaves alone a person who reads above, and counts what comes", async () => {
    const page = await list();
    await page.hear(tell("text", { message_id: "1", text: "a" }));
    await scroll(page, 900);
    await scroll(page, 100);
    await page.hear(tell("text", { message_id: "2", text: "b" }));
    Observer.all[0]!.see([]);
    expect(page.find(".MessageList").scrollTop).toBe(100);
    expect(page.find(".down").textContent).toContain(t("talk.unread", { count: 1 }));
    page.find(".down").click();
    await scroll(page, 900);
    expect([page.talk.unread, page.has(".down")]).toEqual([0, false]);
  });

  it("comes to the end when the person speaks, and counts nothing as seen in another window", async () => {
    const page = await list();
    await scroll(page, 100);
    await page.hear(tell("said", { message_id: "1", text: "a" }));
    expect(page.find(".MessageList").scrollTop).toBe(1_000);
    window.dispatchEvent(new Event("blur"));
    await page.hear(tell("text", { message_id: "2", text: "b" }));
    expect(page.talk.unread).toBe(1);
    await scroll(page, 900);
    window.dispatchEvent(new Event("focus"));
    expect(page.talk.unread).toBe(0);
  });
});
