import { describe, expect, it, vi } from "vitest";

import { LANGUAGES } from "../../src/bridge/api.gen";
import { Refusal } from "../../src/bridge/bridge";
import { t } from "../../src/lib/i18n.svelte";
import ServerChoice from "../../src/views/ServerChoice.svelte";
import { show } from "../helpers/page";

describe("the choice of a server", () => {
  it.each(LANGUAGES)("uses what was typed (%s)", async (language) => {
    const done = vi.fn();
    const page = await show(ServerChoice, { props: { done }, language });
    expect(page.button(t("server.use")).disabled).toBe(true);
    await page.fill(t("server.address"), "floater://b");
    await page.press(t("server.use"));
    expect([page.asked, done.mock.calls.length]).toEqual([
      [{ command: "use_server", url: "floater://b" }],
      1,
    ]);
  });

  it.each([
    ["server_unreachable", "server.unreachable"],
    ["server_url_invalid", ""],
  ] as const)("says %s at the field", async (code, key) => {
    const done = vi.fn();
    const replies = { use_server: new Refusal(code, "Not an address.") };
    const page = await show(ServerChoice, { props: { done }, replies });
    await page.fill(t("server.address"), "x");
    await page.press(t("server.use"));
    expect([page.texts(".error"), done.mock.calls]).toEqual([[key ? t(key) : "Not an address."], []]);
  });

  it("hosts one here, and shows its address and code", async () => {
    const done = vi.fn();
    const replies = { host_here: { server: "floater://me", qr: "<svg/>", outbox: "/o" } };
    const page = await show(ServerChoice, { props: { done }, replies });
    await page.press(t("server.two_windows"));
    await page.press(t("server.host"));
    expect(page.asked).toEqual([{ command: "second_window" }, { command: "host_here" }]);
    expect(page.texts(".invite")).toEqual(["floater://me"]);
    expect(page.find<HTMLImageElement>(".qr").getAttribute("src")).toBe("data:image/svg+xml,%3Csvg%2F%3E");
    await page.press(t("server.go_on"));
    await page.press(t("back"));
    expect(done).toHaveBeenCalledTimes(2);
  });
});
