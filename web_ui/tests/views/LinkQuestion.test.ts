import { expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import LinkQuestion from "../../src/views/LinkQuestion.svelte";
import { show } from "../helpers/page";

it.each(LANGUAGES)("shows the whole address and opens it only when asked to (%s)", async (language) => {
  const close = vi.fn();
  const href = "https://xn--pple-43d.com/";
  const page = await show(LinkQuestion, { props: { href, close }, language });
  expect([page.texts("h2"), page.texts(".href")]).toEqual([[t("link.title")], [href]]);
  await page.press(t("cancel"));
  expect([close.mock.calls.length, page.asked]).toEqual([1, []]);
  await page.press(t("link.open"));
  expect([close.mock.calls.length, page.asked]).toEqual([2, [{ command: "open_link", url: href }]]);
});
