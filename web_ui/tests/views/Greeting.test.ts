import { expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Greeting from "../../src/views/Greeting.svelte";
import { TALK, tell } from "../helpers/events";
import { MET, show } from "../helpers/page";

it.each(LANGUAGES)("greets in this talk, and says who has greeted and who has not (%s)", async (language) => {
  const page = await show(Greeting, { events: MET(), language });
  expect([page.texts("dt"), page.texts("dd")]).toEqual([
    ["Bob", t("greeting.you", { name: "Ann" })],
    [t("greeting.not_yet"), t("greeting.your_turn")],
  ]);
  expect(document.activeElement).toBe(page.button(t("greeting.do")));
  await page.press(t("greeting.do"));
  expect(page.asked).toEqual([{ command: "greet", talk: TALK }]);
  await page.hear(tell("peer_greeted", { language: "en", greeting: "Hello" }));
  expect([page.texts("dd")[0], page.texts("[role=status]")]).toEqual(["✓ Hello", [t("greeting.peer_did")]]);
  await page.hear(tell("greeted", { language: "zh", greeting: "你好" }));
  expect(page.texts("dd")).toEqual(["✓ Hello", "✓ 你好"]);
  expect(page.button(t("greeting.waiting")).disabled).toBe(true);
});

it.each(LANGUAGES)("warns of a name that mixes scripts (%s)", async (language) => {
  const peer = { username: "Аnn", mixed: true };
  const page = await show(Greeting, { events: [tell("matched", { match_id: "m1", peer })], language });
  expect(page.texts(".warn")).toEqual([`⚠ ${t("peer.mixed")}`]);
});

it("says when the peer is lost", async () => {
  const page = await show(Greeting, { events: [...MET(), tell("peer_away", { grace_s: 9 })] });
  expect(page.texts("[role=status]")).toEqual([t("talk.away", { peer: "Bob" })]);
});

it("greets once on a double click", async () => {
  const page = await show(Greeting, { events: MET() });
  page.button(t("greeting.do")).click();
  await page.press(t("greeting.do"));
  expect(page.asked).toEqual([{ command: "greet", talk: TALK }]);
});
