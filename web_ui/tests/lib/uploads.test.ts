import { describe, expect, it, vi } from "vitest";

import { MAX_UPLOAD } from "../../src/bridge/shell.gen";
import { setLanguage, t } from "../../src/lib/i18n.svelte";
import { Uploads } from "../../src/lib/uploads";
import { Page } from "../helpers/page";

const file = (name: string, size = 3): File => {
  const made = new File([new Uint8Array(Math.min(size, 3))], name);
  Object.defineProperty(made, "size", { value: size });
  Object.defineProperty(made, "arrayBuffer", { configurable: true, value: async () => new ArrayBuffer(3) });
  return made;
};
const list = (...files: File[]): FileList => files as unknown as FileList;

describe("pasted and dropped files", () => {
  it("go to the shell with their talk, and are offered there", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return { text: async () => "7" };
    });
    const page = new Page({});
    await new Uploads(page.app, "t 1").send(list(file("a b+c.png"), file("", 3), file("empty", 0)));
    expect(asked).toEqual([
      "floater://media/upload?talk=t%201&name=a%20b%2Bc.png&size=3",
      "floater://media/upload?talk=t%201&name=image.png&size=3",
      "floater://media/upload?talk=t%201&name=empty&size=3",
    ]);
    const offer = { command: "send_upload", talk: "t 1", upload: 7 };
    expect(page.asked).toEqual([offer, offer, offer]);
    await new Uploads(page.app, "t 1").send(null);
    expect(page.asked).toHaveLength(3);
  });

  it("are refused when they are too large, or cannot be read", async () => {
    setLanguage("en");
    vi.stubGlobal("fetch", () => Promise.reject(new Error("gone")));
    const page = new Page({});
    await new Uploads(page.app, "t").send(list(file("big", MAX_UPLOAD + 1), file("a")));
    const told = page.app.toasts.map((toast) => toast.text);
    expect(told).toEqual([t("talk.too_large_to_drop", { size: "67 MB" }), t("talk.upload_failed")]);
    expect(page.asked).toEqual([]);
  });

  it("go on after a folder, which is refused with a sentence", async () => {
    vi.stubGlobal("fetch", async () => ({ text: async () => "7" }));
    const folder = file("folder");
    Object.defineProperty(folder, "arrayBuffer", { value: () => Promise.reject(new Error("a folder")) });
    const page = new Page({});
    await new Uploads(page.app, "t").send(list(file("a"), folder, file("z")));
    expect(page.asked).toHaveLength(2);
    expect(page.app.toasts.map((toast) => toast.text)).toEqual([t("talk.upload_failed")]);
  });

  it.each([
    ["disk_full", "talk.upload_no_room"],
    ["not_writable", "talk.upload_not_kept"],
    ["storage_failed", "talk.upload_not_kept"],
  ] as const)("are said not to be kept, and why (%s)", async (code, sentence) => {
    vi.stubGlobal("fetch", async () => ({ text: async () => code }));
    const page = new Page({});
    await new Uploads(page.app, "t").send(list(file("a")));
    expect(page.asked).toEqual([]);
    expect(page.app.toasts.map((toast) => toast.text)).toEqual([t(sentence)]);
  });
});
