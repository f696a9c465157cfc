import { flushSync } from "svelte";
import { expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { t } from "../../src/lib/i18n.svelte";
import AddressQuestion from "../../src/views/AddressQuestion.svelte";
import { show } from "../helpers/page";

it.each(LANGUAGES)("keeps the answer, then seeks (%s)", async (language) => {
  for (const [button, hide_address] of [
    ["address.direct", false],
    ["address.hide", true],
  ] as const) {
    const page = await show(AddressQuestion, { language, before: (app) => void (app.sheet = "address") });
    expect(page.texts("h2")).toEqual([t("address.title")]);
    await page.press(t(button));
    expect(page.asked).toEqual([{ command: "set", hide_address, address_asked: true }, { command: "seek" }]);
    expect(page.app.settings).toMatchObject({ hide_address, address_asked: true });
    expect(page.app.sheet).toBeNull();
    await page.close();
  }
});

it("does not seek when the answer cannot be kept", async () => {
  const page = await show(AddressQuestion, {
    replies: { set: new Refusal("storage_failed", "The disk is full.") },
  });
  await page.press(t("address.direct"));
  expect(page.asked.map(({ command }) => command)).toEqual(["set"]);
  expect([page.app.settings.address_asked, page.app.toasts[0]!.text]).toEqual([false, "The disk is full."]);
});

it("answers once, however often it is clicked", async () => {
  const page = await show(AddressQuestion, { before: (app) => void (app.sheet = "address") });
  const button = page.button(t("address.direct"));
  button.click();
  flushSync();
  expect([button.disabled, page.app.sheet]).toEqual([true, "address"]);
  button.click();
  await page.settle();
  expect(page.asked.map(({ command }) => command)).toEqual(["set", "seek"]);
});
