import { describe, expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Waiting from "../../src/views/Waiting.svelte";
import { tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

describe("while a stranger is looked for", () => {
  it.each(LANGUAGES)(
    "says for how long, and after a while that the place is empty (%s)",
    async (language) => {
      vi.useFakeTimers();
      const page = await show(Waiting, { events: [tell("state", { state: "seeking" })], language });
      expect(page.texts("h1")).toEqual([t("waiting.seeking")]);
      expect(page.texts(".nobody")).toEqual([""]);
      vi.advanceTimersByTime(16_000);
      await page.settle();
      expect(page.texts("p.soft")).toEqual([t("waiting.elapsed", { time: "0:16" })]);
      expect(page.texts(".nobody")).toEqual([t("waiting.nobody")]);
      await page.press(t("cancel"));
      expect(page.asked).toEqual([{ command: "cancel_seek" }]);
    },
  );
});

describe("while two are connected", () => {
  it("says what is being tried, aloud, too, and nothing of the match before", async () => {
    const page = await show(Waiting, { events: MET() });
    const said = (): string[] => page.texts("[role=status] p").filter(Boolean);
    expect(page.texts("h1")).toEqual([t("waiting.found", { peer: "Bob" })]);
    expect(said()).toEqual([t("trying.begins")]);
    await page.hear(tell("trying", { kinds: ["direct"], technique: "birthday" }));
    expect(said()).toEqual([t("trying.guesses")]);
    await page.hear(tell("trying", { kinds: ["direct", "relay"], technique: "birthday" }));
    expect(said()).toEqual([t("trying.guesses"), t("trying.relay_too")]);
    await page.hear(tell("state", { state: "seeking" }), ...MET());
    expect(said()).toEqual([t("trying.begins")]);
  });
});

it("cancels once on a double click", async () => {
  const page = await show(Waiting, { events: [tell("state", { state: "seeking" })] });
  page.button(t("cancel")).click();
  await page.press(t("cancel"));
  expect(page.asked).toEqual([{ command: "cancel_seek" }]);
});
