import { createRawSnippet } from "svelte";
import { expect, it, vi } from "vitest";

import Sheet from "../../src/views/Sheet.svelte";
import { show } from "../helpers/page";

it("is named by its title, closes on Escape and beside it, and gives the focus back", async () => {
  const before = document.createElement("button");
  document.body.append(before);
  before.focus();
  const close = vi.fn();
  const children = createRawSnippet(() => ({ render: () => "<p>inside</p>" }));
  const page = await show(Sheet, { props: { title: "A question", close, children } });
  const dialog = page.find<HTMLDialogElement>("dialog");
  expect([dialog.open, page.texts("#sheet-title"), page.texts("p")]).toEqual([
    true,
    ["A question"],
    ["inside"],
  ]);
  page.find("p").click();
  expect(close).not.toHaveBeenCalled();
  dialog.click();
  const cancel = new Event("cancel", { cancelable: true });
  dialog.dispatchEvent(cancel);
  expect([close.mock.calls.length, cancel.defaultPrevented]).toEqual([2, true]);
  page.app.say("news");
  await page.settle();
  expect(page.texts("dialog .toast span")).toEqual(["news"]);
  expect(page.app.dialogs).toBe(1);
  page.app.dialogs += 1; // another one lies over it
  await page.settle();
  expect(page.has("dialog .toast"), "it would be said twice").toBe(false);
  page.app.dialogs -= 1;
  await page.settle();
  const focus = vi.spyOn(before, "focus");
  await page.close();
  expect(focus).toHaveBeenCalledOnce();
  expect(page.app.dialogs).toBe(0);
});
