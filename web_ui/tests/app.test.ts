import { describe, expect, it } from "vitest";

import type { AnyEvent, State, StatusReply } from "../src/bridge/api.gen";
import { lineBridge } from "../src/bridge/bridge";
import { App } from "../src/models/app.svelte";

type Lines = (AnyEvent | object)[];

/** A page that begins; `answer` gives what comes for each command: its reply's fields, among events. */
async function begin(answer: (command: string) => Lines): Promise<App> {
  const { bridge, receive } = lineBridge((line) => {
    const { id, command } = JSON.parse(line) as { id: number; command: string };
    const lines = answer(command).map((each) => ("event" in each ? each : { reply: id, ok: true, ...each }));
    queueMicrotask(() => lines.forEach((each) => receive(JSON.stringify(each)))); // all in one go, as from Qt
  });
  const app = new App(bridge);
  await app.begin();
  return app;
}

const status = (state: State, more: Partial<StatusReply> = {}): StatusReply => ({
  state,
  username: "Ann",
  path: null,
  online: false,
  server: "floater://a",
  peer: state === "talking" ? { username: "Bob" } : null,
  greeted: false,
  peer_greeted: false,
  settings: { hide_address: false, language: "en", downloads: "/d" },
  ...more,
});

const said = (app: App): string[] =>
  app.talk!.blocks.flatMap((block) => block.entries.map((entry) => (entry.kind === "text" ? entry.text : entry.kind)));

describe("a page that begins", () => {
  it("hears what comes right behind the status", async () => {
    const app = await begin((command) => {
      if (command === "kept") return [{ event: "state", state: "signed_out" }, { page: "" }];
      return [status("home"), { event: "online", online: true, error: null, retry_s: null }];
    });
    expect([app.state, app.online]).toEqual(["home", true]);
  });

  it("hears each text of the talk once, whether before or behind the history", async () => {
    const text = (id: string): AnyEvent => ({ event: "text", message_id: id, text: id });
    const app = await begin((command) => {
      if (command === "kept") return [{ page: "" }];
      if (command === "status") return [text("1111111111111111.1"), status("talking"), text("1111111111111111.2")];
      return [{ events: [1, 2].map((n) => ({ at: n, happened: text(`1111111111111111.${n}`) })) }, text("1111111111111111.3")];
    });
    expect(said(app)).toEqual(["1111111111111111.1", "1111111111111111.2", "1111111111111111.3"]);
    expect(app.talk!.unread).toBe(0);
  });

  it("knows a practice by its server, and is at the welcome again when it ends", async () => {
    const app = await begin((command) => (command === "kept" ? [{ page: "" }] : [status("signed_out", { server: "" })]));
    app.take({ event: "server", server: "floater://127.0.0.1:1", practising: true });
    app.take({ event: "state", state: "home" });
    expect([app.practising, app.server]).toEqual([true, "floater://127.0.0.1:1"]);
    app.take({ event: "state", state: "signed_out" });
    app.take({ event: "server", server: "", practising: false });
    expect([app.practising, app.server, app.door]).toEqual([false, "", "welcome"]);
  });

  it("keeps the receipt in sight over the end of the talk, until there is none to tell of", async () => {
    const app = await begin((command) => {
      if (command === "kept") return [{ page: "" }];
      return command === "status" ? [status("talking")] : [{ events: [] }];
    });
    app.sheet = "receipt";
    app.take({ event: "ended", reason: "peer_hung_up", lasted_s: 9 });
    app.take({ event: "state", state: "home" });
    expect([app.sheet, app.ended?.peer]).toEqual(["receipt", "Bob"]);
    app.take({ event: "state", state: "seeking" });
    expect(app.sheet).toBeNull();
  });

  it("comes back to where it was, if that still is so", async () => {
    const page = JSON.stringify({
      ...{ door: "check_mail", email: "a@b.c", mail: null, sheet: "shortcuts", state: "signed_out", since: 7, ended: null },
    });
    const again = await begin((command) => (command === "kept" ? [{ page }] : [status("signed_out")]));
    expect([again.door, again.email, again.sheet, again.since]).toEqual(["check_mail", "a@b.c", "shortcuts", 7]);
    const moved = await begin((command) => (command === "kept" ? [{ page }] : [status("home")]));
    expect([moved.door, moved.sheet]).toEqual(["welcome", null]);
  });
});
