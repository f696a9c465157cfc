import { describe, expect, it, vi } from "vitest";

import { LANGUAGES, type Code, type Language } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import { FileEntry } from "../../src/models/talk.svelte";
import FileCard from "../../src/views/FileCard.svelte";
import { TALK } from "../helpers/events";
import { MET, Observer, show, type Page } from "../helpers/page";

const file = (mine: boolean, name = "a.pdf", type = "application/pdf", preview = null): FileEntry =>
  new FileEntry("F1", mine, 0, name, type, 1_000, preview);

const card = (of: FileEntry, language: Language = "en"): Promise<Page> =>
  show(FileCard, { events: MET(), props: { file: of, open: vi.fn() }, language });

const which = { talk: TALK, transfer_id: "F1" };

describe("an offered file", () => {
  it.each(LANGUAGES)("of the peer is taken or refused by a tap (%s)", async (language) => {
    const page = await card(file(false), language);
    expect(page.texts(".soft")).toEqual([`1.0 kB · ${t("kind.pdf")}`]);
    await page.press(t("file.accept"));
    await page.press(t("file.decline"));
    expect(page.asked).toEqual([
      { command: "accept", ...which },
      { command: "decline", ...which },
    ]);
  });

  it.each(LANGUAGES)("that is a program is warned of (%s)", async (language) => {
    const page = await card(file(false, "photo.png.EXE"), language);
    expect(page.texts(".warn")).toEqual([t("file.risky")]);
    await page.close();
    expect((await card(file(false, "photo.png"), language)).has(".warn")).toBe(false);
  });

  it("of ours waits, and can be taken back", async () => {
    const page = await card(file(true));
    expect(page.texts("p")).toEqual([t("file.waiting")]);
    await page.press(t("cancel"));
    expect(page.asked).toEqual([{ command: "cancel", ...which }]);
  });
});

describe("a file on its way", () => {
  it("says how far it is and who paused it, and is paused, resumed and cancelled", async () => {
    const moving = file(false);
    Object.assign(moving, { moving: "moving", bytes: 250 });
    const page = await card(moving);
    expect(page.find("progress").getAttribute("aria-label")).toBe(t("file.progress", { percent: 25 }));
    await page.press(t("file.pause"));
    moving.pausedByYou = true;
    await page.settle();
    expect(page.find(".grow").textContent).toContain(t("file.paused_by_you"));
    await page.press(t("file.resume"));
    moving.pausedByPeer = true;
    await page.settle();
    expect(page.find(".grow").textContent).toContain(t("file.paused_by_both"));
    moving.pausedByYou = false;
    await page.settle();
    expect(page.find(".grow").textContent).toContain(t("file.paused_by_peer"));
    await page.press(t("cancel"));
    expect(page.asked.map(({ command }) => command)).toEqual(["pause", "resume", "cancel"]);
  });
});

describe("a file that has come", () => {
  it.each(LANGUAGES)("is copied and shown by the shell (%s)", async (language) => {
    const done = file(false);
    done.moving = "done";
    const page = await card(done, language);
    expect(page.texts(".good")).toEqual([`✓ ${t("file.received")}`]);
    await page.press(t("file.save"));
    await page.press(t("file.show"));
    expect(page.asked).toEqual([
      { command: "save_copy", ...which },
      { command: "show_file", ...which },
    ]);
  });

  it("is a picture if it is one, until it turns out to be broken", async () => {
    const done = file(false, "a.png", "image/png");
    done.moving = "done";
    const page = await card(done);
    Observer.all[0]!.see([{ isIntersecting: true }]);
    await page.settle();
    page.find("img").dispatchEvent(new Event("error"));
    await page.settle();
    expect([page.has("img"), page.texts("[role=status]")]).toEqual([false, [t("file.not_shown")]]);
  });

  it("is only named if it is ours", async () => {
    const done = file(true, "a.png", "image/png");
    done.moving = "done";
    const page = await card(done);
    expect([page.texts(".good"), page.has(".Picture")]).toEqual([[`✓ ${t("file.sent")}`], false]);
  });
});

describe("a file that does not come", () => {
  it.each([
    ["cancelled", "soft"],
    ["storage_failed", "problem"],
  ] as const)("after %s is told as %s", async (code: Code, tone) => {
    const failed = file(false);
    Object.assign(failed, { moving: "failed", code, problem: "No more." });
    expect((await card(failed)).texts(`p.${tone}`)).toEqual(["No more."]);
  });
});

it.each(["file.accept", "file.decline"] as const)("%s counts once on a double click", async (label) => {
  const page = await card(file(false));
  page.button(t(label)).click();
  await page.press(t(label));
  expect(page.asked).toHaveLength(1);
  await page.press(t(label));
  expect(page.asked).toHaveLength(2);
});
