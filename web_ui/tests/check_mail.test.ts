import { flushSync, mount, unmount } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";

import type { MailedEvent } from "../src/bridge/api.gen";
import type { Bridge, Doable } from "../src/bridge/bridge";
import { setLanguage } from "../src/lib/i18n.svelte";
import { App } from "../src/models/app.svelte";
import CheckMail from "../src/views/CheckMail.svelte";
import { tell } from "./helpers/events";

const MAIL: MailedEvent = tell("mailed", { to: "ann@example.org",
  subject: "Your \u202ecode",
  code: "042137",
  text: "…", });

let shown: ReturnType<typeof mount> | null = null;

/** A page for this address, and what it asks of the core. */
function page(purpose: "check_mail" | "reset" = "check_mail"): { app: App; asked: Doable[]; body: HTMLElement } {
  const asked: Doable[] = [];
  const bridge: Bridge = {
    do: (command) => {
      asked.push(command);
      return Promise.resolve({} as never);
    },
    listen: () => {},
  };
  setLanguage("en");
  const app = new App(bridge);
  app.email = "Ann@example.org";
  shown = mount(CheckMail, { target: document.body, props: { app, purpose, back: () => {} } });
  flushSync();
  return { app, asked, body: document.body };
}

function click(body: HTMLElement, name: string): void {
  const button = [...body.querySelectorAll("button")].find((found) => found.textContent === name);
  button!.click();
  flushSync();
}

afterEach(() => {
  if (shown) void unmount(shown);
  vi.useRealTimers();
});

describe("the mail of a server on this computer", () => {
  it("is shown when it comes, and fills in what it says", () => {
    const { app, asked, body } = page();
    expect(body.querySelector(".mail")).toBeNull();
    app.take(MAIL);
    flushSync();
    expect(body.querySelector(".mail h2")!.textContent).toBe("Your code");
    expect(body.querySelector(".digits")!.textContent).toBe("042137");
    click(body, "Fill in");
    expect(body.querySelector("input")!.value).toBe("042137");
    click(body, "Activate");
    expect(asked).toEqual([{ command: "activate", email: "Ann@example.org", code: "042137" }]);
  });

  it("fills in for a new password, too", () => {
    const { app, body } = page("reset");
    app.take(MAIL);
    flushSync();
    click(body, "Fill in");
    expect(body.querySelector("input")!.value).toBe("042137");
  });

  it("is not shown to whoever waits for another", () => {
    const { app, body } = page();
    app.take({ ...MAIL, to: "bob@example.org" });
    flushSync();
    expect(body.querySelector(".mail")).toBeNull();
  });

  it("makes room for the next when that is asked for", () => {
    vi.useFakeTimers();
    const { app, asked, body } = page();
    app.take(MAIL);
    vi.advanceTimersByTime(31_000);
    flushSync();
    click(body, "Send the mail again");
    expect(asked).toEqual([{ command: "resend_code", email: "Ann@example.org" }]);
    expect(body.querySelector(".mail")).toBeNull();
    app.take({ ...MAIL, code: "777777" });
    flushSync();
    expect(body.querySelector(".digits")!.textContent).toBe("777777");
  });
});
