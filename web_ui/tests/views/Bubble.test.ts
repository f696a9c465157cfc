import { describe, expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import { TextEntry } from "../../src/models/talk.svelte";
import Bubble from "../../src/views/Bubble.svelte";
import { TALK } from "../helpers/events";
import { MET, show, type Page } from "../helpers/page";

const said = (entry: TextEntry, more: object = {}): Promise<Page> =>
  show(Bubble, { events: MET(), props: { entry, joined: false, follow: vi.fn(), ...more } });

describe("a text", () => {
  it("of the peer is a text node, whatever is in it", async () => {
    const page = await said(new TextEntry("1", false, 0, "<b>x</b>\u202e<img src=x>"));
    expect(page.texts(".text")).toEqual(["<b>x</b><img src=x>"]);
    expect(page.find(".text").children).toHaveLength(0);
    expect(page.texts(".unseen")).toEqual(["Bob:"]);
  });

  it("asks before it follows an address", async () => {
    const follow = vi.fn();
    const page = await said(new TextEntry("1", false, 0, "see https://a.example/x."), { follow });
    await page.press("https://a.example/x");
    expect(follow).toHaveBeenCalledWith("https://a.example/x");
    expect(page.texts(".text")).toEqual(["see https://a.example/x."]);
  });

  it.each(LANGUAGES)(
    "of ours says whether it has arrived, and is tried again on demand (%s)",
    async (language) => {
      const entry = new TextEntry("L1", true, 0, "hi");
      const page = await show(Bubble, {
        events: MET(),
        language,
        props: { entry, joined: true, follow: vi.fn() },
      });
      expect(page.find(".mark").title).toBe(t("delivery.sent"));
      entry.delivery = "delivered";
      await page.settle();
      expect(page.find(".mark").title).toBe(t("delivery.delivered"));
      entry.delivery = "failed";
      entry.problem = "Lost.";
      await page.settle();
      expect(page.texts(".problem")).toEqual(["Lost."]);
      await page.press(t("talk.retry"));
      expect(page.asked).toEqual([{ command: "retry", talk: TALK, message_id: "L1" }]);
    },
  );
});
