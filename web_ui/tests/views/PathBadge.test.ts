import { expect, it, vi } from "vitest";

import { LANGUAGES, PATH_KINDS } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import PathBadge from "../../src/views/PathBadge.svelte";
import { show } from "../helpers/page";

it.each(LANGUAGES.flatMap((language) => PATH_KINDS.map((kind) => [language, kind] as const)))(
  "says the way in words, not by colour alone, and opens the receipt (%s, %s)",
  async (language, kind) => {
    const open = vi.fn();
    const page = await show(PathBadge, { language, props: { kind, open } });
    const badge = page.find(".PathBadge");
    expect(badge.textContent).toContain(t(`path_short.${kind}`));
    expect(badge.title).toBe(`${t(`path.${kind}`)} · ${t("receipt.title")}`);
    badge.click();
    expect(open).toHaveBeenCalledOnce();
  },
);
