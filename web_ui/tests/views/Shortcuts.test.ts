import { expect, it } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import Shortcuts from "../../src/views/Shortcuts.svelte";
import { show } from "../helpers/page";

it.each(LANGUAGES)("lists every key with what it does (%s)", async (language) => {
  const page = await show(Shortcuts, { language, before: (app) => void (app.sheet = "shortcuts") });
  expect(page.texts("kbd")).toContain("Shift+Enter");
  expect(page.texts("dd")).toHaveLength(page.texts("kbd").length);
  expect(page.texts("dd")[0]).toBe(t("shortcuts.send"));
  await page.press(t("close"));
  expect(page.app.sheet).toBeNull();
});
