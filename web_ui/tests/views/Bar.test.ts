import { describe, expect, it } from "vitest";

import { LANGUAGES, type AnyEvent } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Bar from "../../src/views/Bar.svelte";
import { tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

const TALKING = (): AnyEvent[] => [
  ...MET(),
  tell("state", { state: "talking" }),
  tell("path", { kind: "direct", how: "public", took_ms: 1, rtt_ms: 2, receipt: null }),
];

describe("the bar", () => {
  it.each(LANGUAGES)("says in a talk with whom, by which way, and as whom (%s)", async (language) => {
    const page = await show(Bar, { events: TALKING(), language });
    expect(page.texts(".peer")).toEqual(["Bob"]);
    expect(page.find(".PathBadge").textContent).toContain(t("path_short.direct"));
    expect(page.texts(".facts > span")).toEqual([t("bar.you", { name: "Ann" })]);
    await page.press(t("talk.hang_up"));
    expect(page.app.sheet).toBe("hang_up");
    page.find(".PathBadge").click();
    expect(page.app.sheet).toBe("receipt");
    await page.press(t("settings.title"));
    expect(page.app.sheet).toBe("settings");
  });

  it.each(LANGUAGES)("marks a name that mixes scripts, and says why (%s)", async (language) => {
    const page = await show(Bar, { events: TALKING(), language });
    expect(page.has(".mixed")).toBe(false);
    await page.hear(tell("talk", { kind: "stranger", name: "Bоb", standing: "open", mixed: true }));
    expect(page.find(".mixed").getAttribute("aria-label")).toBe(t("peer.mixed"));
  });

  it("has neither name nor red button at home, and no settings before the log-in", async () => {
    const page = await show(Bar, { events: [tell("state", { state: "home" })] });
    expect([page.has(".peer"), page.has(".danger"), page.has(".mark"), page.has(".gear")]).toEqual([
      ...[false, false, true, true],
    ]);
    await page.hear(tell("state", { state: "signed_out" }));
    expect([page.has(".mark"), page.has(".gear")]).toEqual([false, false]);
  });

  it("says why the server is not reached, and when it is tried again", async () => {
    const error = { code: "server_unreachable", message: "No way." };
    const page = await show(Bar, { events: [tell("online", { online: false, error, retry_s: 9 })] });
    expect(page.texts(".offline")).toEqual([`No way. ${t("bar.retry_in", { seconds: 9 })}`]);
    await page.hear(tell("online", { online: true, error: null, retry_s: null }));
    expect(page.has(".offline")).toBe(false);
  });
});
