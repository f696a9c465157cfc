import { describe, expect, it } from "vitest";

import { LANGUAGES, type AnyEvent, type Receipt as Told } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Receipt from "../../src/views/Receipt.svelte";
import { TALK, tell } from "../helpers/events";
import { MET, show, type Page } from "../helpers/page";

const TOLD: Told = { stood_ms: 1, proved_ms: 2, technique: "crossing", syns: 9, why_relay: "under_way" };
const RELAYED = (): AnyEvent[] => [
  ...MET(),
  tell("path", { kind: "relay", how: "relay", took_ms: 1, rtt_ms: 2, receipt: TOLD }),
  tell("state", { state: "greeting" }),
];

/** The core's receipt says how often it was asked for. */
function receipt(language: (typeof LANGUAGES)[number] = "en"): Promise<Page> {
  let asked = 0;
  const replies = { receipt: () => ({ words: [`asked ${++asked}`] }), save_receipt: { chosen: true } };
  return show(Receipt, { events: RELAYED(), replies, language });
}

describe("an open receipt", () => {
  it("is read again when direct ways have failed, and when a hand-over goes on", async () => {
    const page = await receipt();
    expect(page.texts("li")).toEqual(["asked 1"]);
    await page.hear(tell("receipt", { receipt: { ...TOLD, why_relay: "failed" } }));
    expect(page.texts("li")).toEqual(["asked 2"]);
    await page.hear(tell("peer_away", { grace_s: 30 }));
    expect(page.texts("li")).toEqual(["asked 3"]);
    await page.hear(tell("path", { kind: "direct", how: "public", took_ms: 1, rtt_ms: 2, receipt: TOLD }));
    expect(page.texts("li")).toEqual(["asked 4"]);
    await page.hear(tell("text", { message_id: "F1", text: "a" }));
    expect(page.texts("li")).toEqual(["asked 4"]);
  });

  it("is of the past when the talk is over", async () => {
    const page = await receipt();
    expect(page.texts("h2")).toEqual(["How you are connected"]);
    await page.hear(tell("ended", { reason: "peer_hung_up", lasted_s: 9 }), tell("state", { state: "home" }));
    expect(page.texts("h2")).toEqual(["How you were connected"]);
    expect(page.texts("li")).toEqual(["asked 2"]);
  });

  it.each(LANGUAGES)(
    "is copied and saved by the shell, for this talk, and says so (%s)",
    async (language) => {
      const page = await receipt(language);
      page.asked.length = 0;
      await page.press(t("receipt.copy"));
      await page.press(t("receipt.save"));
      expect(page.asked).toEqual([
        { command: "copy_receipt", talk: TALK },
        { command: "save_receipt", talk: TALK },
      ]);
      expect(page.texts(".toast span")).toEqual([t("receipt.copied"), t("receipt.saved")]);
      page.app.sheet = "receipt";
      await page.press(t("close"));
      expect(page.app.sheet).toBeNull();
    },
  );
});
