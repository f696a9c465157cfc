import { describe, expect, it } from "vitest";

import { LANGUAGES, type State } from "../../src/bridge/api.gen";
import { t } from "../../src/lib/i18n.svelte";
import App from "../../src/views/App.svelte";
import { tell } from "../helpers/events";
import { MET, show, type Page } from "../helpers/page";

const at = (state: State, scene: object = {}): Promise<Page> =>
  show(App, {
    events: [
      ...(["greeting", "talking", "connecting"].includes(state) ? MET() : []),
      tell("state", { state }),
    ],
    before: (app) => void (app.begun = true),
    ...scene,
  });

const SCREENS: [State, string][] = [
  ["signed_out", ".Account"],
  ["home", ".Home"],
  ["seeking", ".Waiting"],
  ["connecting", ".Waiting"],
  ["greeting", ".Greeting"],
  ["talking", ".TalkView"],
];

describe("the frame", () => {
  it.each(SCREENS)("shows the one screen of %s", async (state, screen) => {
    const page = await at(state);
    expect(SCREENS.map(([, each]) => each).filter((each) => page.has(each))).toContain(screen);
    expect(page.find("main").children).toHaveLength(1);
  });

  it.each(LANGUAGES)("says where one is (%s)", async (language) => {
    const page = await at("home", { language });
    expect(page.find("main").getAttribute("aria-label")).toBe(t("state.home"));
  });

  it("shows nothing before it is known where things stand", async () => {
    const page = await at("home", { before: undefined });
    expect(page.has("main")).toBe(false);
  });

  it.each([
    ["settings", "home", "settings.title"],
    ["shortcuts", "signed_out", "shortcuts.title"],
    ["address", "home", "address.title"],
    ["hang_up", "talking", "hang_up.title"],
    ["log_out", "talking", "settings.log_out"],
    ["receipt", "greeting", "receipt.title"],
  ] as const)("lays %s over %s", async (sheet, state, title) => {
    const page = await at(state);
    page.app.sheet = sheet;
    await page.settle();
    expect(page.texts("dialog h2")).toEqual([t(title)]);
  });

  it("says a toast in one place, in the sheet if one is open", async () => {
    const page = await at("talking");
    page.app.say("news");
    await page.settle();
    expect(page.texts(".toast span")).toEqual(["news"]);
    page.app.sheet = "settings";
    await page.settle();
    expect(page.texts(".toast span")).toEqual(["news"]);
    expect(page.texts("dialog .toast span")).toEqual(["news"]);
    page.app.sheet = null;
    await page.settle();
    expect(page.texts(".toast span")).toEqual(["news"]);
  });

  it("has no red button to ask about where there is no talk", async () => {
    const page = await at("home");
    for (const sheet of ["hang_up", "receipt"] as const) {
      page.app.sheet = sheet;
      await page.settle();
      expect(page.has("dialog")).toBe(false);
    }
  });

  it("obeys the keyboard", async () => {
    const page = await at("talking");
    await page.key(",", { ctrlKey: true });
    expect(page.app.sheet).toBe("settings");
    await page.key("/", { ctrlKey: true });
    expect(page.app.sheet).toBe("shortcuts");
    page.app.sheet = null;
    await page.settle();
    expect((await page.key("a")).defaultPrevented).toBe(false);
    await page.key("Escape");
    expect(page.app.sheet).toBe("hang_up");
  });

  it("has one way out of every state", async () => {
    const seeking = await at("seeking");
    await seeking.key("Escape");
    expect(seeking.asked).toEqual([{ command: "cancel_seek" }]);
    await seeking.close();
    const home = await at("home");
    await home.key("Escape");
    expect([home.app.sheet, home.asked]).toEqual([null, []]);
  });
});

it("keeps the second half of a double click from what has come to stand there", async () => {
  const page = await at("seeking");
  const click = (detail: number): boolean =>
    page
      .button(t("cancel"))
      .dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail }));
  click(2);
  await page.settle();
  expect(page.asked).toEqual([]);
  click(1);
  await page.settle();
  expect(page.asked).toEqual([{ command: "cancel_seek" }]);
});
