import { expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import { Block, FileEntry, NewsEntry, TextEntry } from "../../src/models/talk.svelte";
import MessageBlock from "../../src/views/MessageBlock.svelte";
import { MET, show } from "../helpers/page";

it.each(LANGUAGES)(
  "shows texts, files and news in their order, and where the unseen begins (%s)",
  async (language) => {
    const block = new Block(0);
    block.entries = [
      new TextEntry("1", true, 0, "a"),
      new FileEntry("2", false, 1, "b.pdf", "application/pdf", 9, null),
      new NewsEntry("3", 2, "talk.away", { peer: "Bob" }),
    ];
    block.mark = "2";
    const page = await show(MessageBlock, {
      events: MET(),
      language,
      props: { block, open: vi.fn(), follow: vi.fn() },
    });
    const kinds = [...page.find(".MessageBlock").children].map((child) => child.classList[0]);
    expect(kinds).toEqual(["Bubble", "unread", "FileCard", "news"]);
    expect([page.texts(".unread"), page.texts(".news")]).toEqual([
      [t("talk.new_below")],
      [t("talk.away", { peer: "Bob" })],
    ]);
  },
);

it("joins what one person says within five minutes", async () => {
  const block = new Block(0);
  const minute = 60_000;
  block.entries = [
    new TextEntry("1", true, 0, "a"),
    new TextEntry("2", true, 4 * minute, "b"),
    new TextEntry("3", true, 10 * minute, "c"),
    new TextEntry("4", false, 10 * minute, "d"),
    new NewsEntry("5", 10 * minute, "talk.back"),
    new TextEntry("6", false, 10 * minute, "e"),
  ];
  const page = await show(MessageBlock, { events: MET(), props: { block, open: vi.fn(), follow: vi.fn() } });
  expect(page.texts(".joined .text")).toEqual(["b"]);
});
