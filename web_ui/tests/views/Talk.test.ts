import { describe, expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Talk from "../../src/views/Talk.svelte";
import { TALK, tell } from "../helpers/events";
import { MET, Observer, show } from "../helpers/page";

describe("a talk", () => {
  it.each(LANGUAGES)(
    "names the peer, and says for how long a lost one is waited for (%s)",
    async (language) => {
      const page = await show(Talk, { events: MET(), language });
      expect(page.texts("h1")).toEqual([t("talk.with", { peer: "Bob" })]);
      await page.hear(tell("peer_away", { grace_s: 30 }));
      expect(page.texts(".away")).toEqual([`${t("talk.away_now")} ${t("talk.away_left", { seconds: 30 })}`]);
      expect(page.has(".away[role]"), "the list, which is read aloud, tells of it").toBe(false);
      await page.hear(tell("peer_back", {}));
      expect(page.has(".away")).toBe(false);
    },
  );

  it("takes a file that is dropped into it", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return { text: async () => "3" };
    });
    const page = await show(Talk, { events: MET() });
    const over = (name: string): Event => {
      const event = new Event(name, { bubbles: true, cancelable: true });
      const file = new File(["a"], "a.png");
      Object.defineProperty(file, "arrayBuffer", { value: async () => new ArrayBuffer(1) });
      Object.assign(event, { dataTransfer: { files: [file] } });
      page.find(".TalkView").dispatchEvent(event);
      return event;
    };
    over("dragenter");
    await page.settle();
    expect(page.texts(".drop")).toEqual([t("talk.drop")]);
    over("dragleave");
    over("dragenter");
    expect(over("dragover").defaultPrevented).toBe(true);
    over("drop");
    await vi.waitFor(() => expect(page.asked).toEqual([{ command: "send_upload", talk: TALK, upload: 3 }]));
    await page.settle();
    expect([asked, page.has(".drop")]).toEqual([
      [`floater://media/upload?talk=${TALK}&name=a.png&size=1`],
      false,
    ]);
  });

  it("opens a picture large, and asks before it opens a link", async () => {
    const offer = { transfer_id: "F1", name: "a.png", content_type: "image/png", size: 9, preview: null };
    const page = await show(Talk, {
      events: [
        ...MET(),
        tell("offer", offer),
        tell("received", { transfer_id: "F1", path: "/a.png", digest: "sha256:" }),
        tell("text", { message_id: "F2", text: "https://a.example/" }),
      ],
    });
    expect(Observer.all.length).toBeGreaterThan(0);
    page.find(".Picture").click();
    await page.settle();
    expect(page.has(".Lightbox")).toBe(true);
    page.find(".Lightbox").dispatchEvent(new Event("close"));
    await page.press("https://a.example/");
    expect([page.has(".Lightbox"), page.texts(".href")]).toEqual([false, ["https://a.example/"]]);
  });
});
