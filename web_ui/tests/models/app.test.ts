import { describe, expect, it, vi } from "vitest";

import type { AnyEvent } from "../../src/bridge/api.gen";
import { lineBridge } from "../../src/bridge/bridge";
import { App } from "../../src/models/app.svelte";
import { info, status, tell, told } from "../helpers/events";

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

/** A page that begins where this status says. */
const at = (reply: object, history: object = { events: [], n: told(), earlier: 0 }): Promise<App> =>
  begin((command) => [command === "kept" ? { page: "" } : command === "status" ? reply : history]);

const said = (app: App): string[] =>
  app.talk!.blocks.flatMap((block) =>
    block.entries.map((entry) => (entry.kind === "text" ? entry.text : entry.kind)),
  );

const text = (id: string): AnyEvent => tell("text", { message_id: id, text: id });

describe("a page that begins", () => {
  it("hears what comes right behind the status", async () => {
    const app = await begin((command) => {
      if (command === "kept") return [tell("state", { state: "signed_out" }), { page: "" }];
      return [status(), tell("online", { online: true, error: null, retry_s: null })];
    });
    expect([app.state, app.online]).toEqual(["home", true]);
  });

  it("hears each text of the talk once, in whichever order events and replies come", async () => {
    const [one, two, three] = ["L1", "L2", "L3"].map(text) as [AnyEvent, AnyEvent, AnyEvent];
    const app = await begin((command) => {
      if (command === "kept") return [{ page: "" }];
      if (command === "status") return [two, one, status({ state: "talking", talks: [info()], n: one.n })];
      return [{ events: [one, two].map((happened) => ({ at: 1, happened })), n: two.n, earlier: 0 }, three];
    });
    expect(said(app)).toEqual(["L1", "L2", "L3"]);
    expect(app.talk!.unread).toBe(0);
  });

  it("hears of a talk that began, or ended, behind the status", async () => {
    const reply = status({ state: "talking", talks: [info()] });
    const [over, home] = [
      tell("ended", { reason: "peer_hung_up", lasted_s: 9 }),
      tell("state", { state: "home" }),
    ];
    const app = await begin((command) => {
      if (command === "kept") return [{ page: "" }];
      return command === "status" ? [reply, over, home] : [{ events: [], n: home.n, earlier: 0 }];
    });
    expect([app.state, app.talk?.ended?.reason]).toEqual(["home", "peer_hung_up"]);
  });

  it("hears notices and mails whatever their number, because no reply tells of them", async () => {
    const mail = tell("mailed", { to: "a@b.c", subject: "", code: "123456", text: "" });
    const notice = tell("notice", { code: "settings_reset", message: "Your settings were broken." });
    const app = await begin((command) => (command === "kept" ? [mail, notice, { page: "" }] : [status()]));
    expect(app.mail?.code).toBe("123456");
    expect(app.toasts.map((toast) => toast.text)).toEqual(["Your settings were broken."]);
  });

  it("shows the way of a talk as the history tells it, else as the status does", async () => {
    const path = tell("path", { kind: "direct", how: "public", took_ms: 1, rtt_ms: 2, receipt: null });
    const reply = status({ state: "talking", talks: [info({ path: "relay" })] });
    expect((await at(reply)).talk!.path).toBe("relay");
    const app = await at(reply, { events: [{ at: 1, happened: path }], n: path.n, earlier: 0 });
    expect([app.talk!.path, app.talk!.count]).toEqual(["direct", 0]);
  });

  it("comes back to where it was, if that still is so", async () => {
    const ended = { reason: "peer_lost", lasted: 5, talk: "t", peer: "Bob" };
    const page = (state: string, more: object): object => ({
      page: JSON.stringify({
        ...{
          screen: "check_mail",
          email: "a@b.c",
          mail: null,
          sheet: "shortcuts",
          state,
          since: 7,
          ended: null,
          ...more,
        },
      }),
    });
    const kept = page("signed_out", {});
    const again = await begin((command) => [command === "kept" ? kept : status({ state: "signed_out" })]);
    expect([again.screen, again.email, again.sheet, again.since]).toEqual([
      "check_mail",
      "a@b.c",
      "shortcuts",
      7,
    ]);
    const moved = await begin((command) => [command === "kept" ? kept : status()]);
    expect([moved.screen, moved.sheet]).toEqual(["welcome", null]);
    const over = await begin((command) => [command === "kept" ? page("home", { ended }) : status()]);
    expect([over.talk!.peer, over.talk!.ended]).toEqual(["Bob", { reason: "peer_lost", lasted: 5 }]);
  });
});

describe("a page that missed events, because it took none for too long", () => {
  /** A page in a talk whose history is `history()` whenever it is asked, and the way to tell it events. */
  async function falling(history: () => AnyEvent[]): Promise<{
    app: App;
    hear: (event: AnyEvent) => void;
    asked: string[];
    settle: () => Promise<void>;
  }> {
    const asked: string[] = [];
    const { bridge, receive } = lineBridge((line) => {
      const { id, command } = JSON.parse(line) as { id: number; command: string };
      asked.push(command);
      const reply = {
        kept: { page: "" },
        status: status({ state: "talking", talks: [info()] }),
        history: { events: history().map((happened) => ({ at: 1, happened })), n: told(), earlier: 0 },
      }[command]!;
      queueMicrotask(() => receive(JSON.stringify({ reply: id, ok: true, ...reply })));
    });
    const app = new App(bridge);
    await app.begin();
    asked.length = 0;
    const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
    return { app, asked, settle, hear: (event) => receive(JSON.stringify(event)) };
  }

  it("asks again where things stand, and shows each text once", async () => {
    const said1: AnyEvent[] = [text("a")];
    const { app, asked, settle, hear } = await falling(() => said1);
    said1.push(text("b"), text("c"), text("d"), text("e"));
    hear(said1[3]!); // b and c were dropped on the way
    hear(said1[4]!);
    await settle();
    hear(text("f"));
    expect(said(app)).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(asked).toEqual(["status", "history"]);
    expect([app.state, app.talk!.peer, app.talks.size]).toEqual(["talking", "Bob", 1]);
  });

  it("asks nothing while the numbers run on, nor for news of the window's own", async () => {
    const { app, asked, settle, hear } = await falling(() => []);
    const [a, b] = [text("a"), text("b")];
    hear(a);
    hear(tell("notice", { code: "internal", message: "!", n: 0 }));
    hear(b);
    await settle();
    expect([said(app), asked]).toEqual([["a", "b"], []]);
  });
});

describe("the page", () => {
  it("knows a practice by its server, and is at the welcome again when it ends", async () => {
    const app = await at(status({ state: "signed_out", server: "" }));
    app.take(tell("server", { server: "floater://127.0.0.1:1", practising: true }));
    app.take(tell("state", { state: "home" }));
    expect([app.practising, app.server]).toEqual([true, "floater://127.0.0.1:1"]);
    app.take(tell("state", { state: "signed_out" }));
    app.take(tell("server", { server: "", practising: false }));
    expect([app.practising, app.server, app.screen]).toEqual([false, "", "welcome"]);
  });

  it("keeps the receipt in sight over the end of the talk, until there is none to tell of", async () => {
    const app = await at(status({ state: "talking", talks: [info()] }));
    app.sheet = "receipt";
    app.take(tell("ended", { reason: "peer_hung_up", lasted_s: 9 }));
    app.take(tell("state", { state: "home" }));
    expect([app.sheet, app.talk?.peer, app.talk?.ended?.lasted]).toEqual(["receipt", "Bob", 9]);
    app.take(tell("state", { state: "seeking" }));
    expect([app.sheet, app.talk]).toEqual([null, null]);
  });

  it("keeps every talk apart, and the stranger's in the pane", async () => {
    const app = await at(status());
    app.take(tell("talk", { talk: "c", kind: "contact", name: "Cid", standing: "open", mixed: false }));
    expect(app.talk).toBeNull();
    app.take(tell("matched", { talk: "s", match_id: "m", peer: { username: "Bob", mixed: false } }));
    app.take(tell("text", { talk: "c", message_id: "1", text: "for Cid's" }));
    app.take(tell("text", { talk: "nowhere", message_id: "1", text: "for none" }));
    expect([app.talk!.id, app.talk!.count, app.talks.get("c")!.count, app.talks.size]).toEqual([
      "s",
      0,
      1,
      2,
    ]);
    app.take(tell("talk", { talk: "s", kind: "stranger", name: "Bo", standing: "greeting", mixed: false }));
    expect([app.talk!.peer, app.talk!.standing]).toEqual(["Bo", "greeting"]);
    app.take(tell("matched", { talk: "s2", match_id: "m2", peer: { username: "Dan", mixed: false } }));
    expect([...app.talks.keys()]).toEqual(["c", "s2"]);
    app.leave();
    app.take(tell("talk", { talk: "s2", kind: "stranger", name: "Dan", standing: "over", mixed: false }));
    expect([...app.talks.keys()]).toEqual(["c"]);
  });

  it("shows the next account nothing of the talks of the one before", async () => {
    const app = await at(status());
    app.take(tell("matched", { talk: "s", match_id: "m", peer: { username: "Bob", mixed: false } }));
    app.take(tell("state", { state: "talking" }));
    app.take(tell("ended", { talk: "s", reason: "logged_out", lasted_s: 9 }));
    app.take(tell("state", { state: "signed_out" }));
    app.take(tell("state", { state: "home" }));
    expect([app.talk, app.talks.size]).toEqual([null, 0]);
  });

  it("forgets a stranger who went before the greeting", async () => {
    const app = await at(status({ state: "seeking" }));
    app.take(tell("matched", { match_id: "m", peer: { username: "Bob", mixed: false } }));
    app.take(tell("state", { state: "connecting" }));
    app.take(tell("state", { state: "home" }));
    expect(app.talk).toBeNull();
  });

  it("has the window keep how the last talk ended", async () => {
    const kept: string[] = [];
    const { bridge, receive } = lineBridge((line) => {
      const { id, page } = JSON.parse(line) as { id: number; page: string };
      kept.push(page);
      receive(JSON.stringify({ reply: id, ok: true }));
    });
    const app = new App(bridge);
    app.take(tell("matched", { talk: "s", match_id: "m", peer: { username: "Bob", mixed: false } }));
    app.take(tell("ended", { talk: "s", reason: "peer_lost", lasted_s: 3 }));
    app.keep();
    expect(JSON.parse(kept[0]!)).toMatchObject({
      ended: { talk: "s", peer: "Bob", reason: "peer_lost", lasted: 3 },
    });
  });

  it("says the same once while it stands there, and lets it stand for longer", async () => {
    vi.useFakeTimers();
    const app = new App(lineBridge(() => {}).bridge);
    app.say("Busy.");
    const [first] = app.toasts;
    vi.advanceTimersByTime(4_000);
    app.say("Busy.");
    app.say("Busy.", true);
    expect(app.toasts.map(({ text, grave }) => [text, grave])).toEqual([
      ["Busy.", false],
      ["Busy.", true],
    ]);
    expect(app.toasts[0]).toBe(first);
    vi.advanceTimersByTime(4_000);
    expect(app.toasts).toHaveLength(2);
    vi.advanceTimersByTime(5_500);
    expect(app.toasts).toEqual([]);
  });

  it("says a refusal as a toast, and learns a name that was not typed here", async () => {
    const { bridge, receive } = lineBridge((line) => {
      const { id, command } = JSON.parse(line) as { id: number; command: string };
      const refused = { ok: false, error: { code: "busy", message: "Busy." } };
      queueMicrotask(() =>
        receive(JSON.stringify({ reply: id, ...(command === "seek" ? refused : { ok: true, ...status() }) })),
      );
    });
    const app = new App(bridge);
    expect(await app.do({ command: "seek" })).toBeNull();
    expect(app.toasts).toMatchObject([{ text: "Busy.", grave: true }]);
    app.hush(app.toasts[0]!.id);
    expect(app.toasts).toEqual([]);
    app.take(tell("state", { state: "home" }));
    await new Promise((done) => setTimeout(done));
    expect(app.username).toBe("Ann");
  });
});
