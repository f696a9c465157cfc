import { flushSync, mount, unmount, type Component } from "svelte";
import { afterEach, describe, expect, it } from "vitest";

import type { AnyEvent, Receipt as Told } from "../src/bridge/api.gen";
import type { Bridge } from "../src/bridge/bridge";
import { setLanguage, t } from "../src/lib/i18n.svelte";
import { App } from "../src/models/app.svelte";
import Receipt from "../src/views/Receipt.svelte";
import Waiting from "../src/views/Waiting.svelte";

const TOLD: Told = { stood_ms: 1, proved_ms: 2, technique: "crossing", syns: 9, why_relay: "under_way" };
const RELAYED: AnyEvent[] = [
  { event: "matched", match_id: "m1", peer: { username: "Bob" } },
  { event: "state", state: "connecting" },
  { event: "path", kind: "relay", how: "relay", took_ms: 1, rtt_ms: 2, receipt: TOLD },
  { event: "state", state: "greeting" },
];

let shown: ReturnType<typeof mount> | null = null;

/** A view of the page, and what is told to it; the core's receipt says how often it was asked for. */
async function show(view: Component<{ app: App }>, events: AnyEvent[]): Promise<(...more: AnyEvent[]) => Promise<void>> {
  let asked = 0;
  const bridge: Bridge = {
    do: (command) => Promise.resolve((command.command === "receipt" ? { words: [`asked ${++asked}`] } : {}) as never),
    listen: () => {},
  };
  setLanguage("en");
  HTMLDialogElement.prototype.showModal ??= function () {};
  const app = new App(bridge);
  const tell = async (...more: AnyEvent[]): Promise<void> => {
    for (const event of more) app.take(event);
    flushSync();
    await new Promise((done) => setTimeout(done)); // the reply
    flushSync();
  };
  await tell(...events);
  shown = mount(view, { target: document.body, props: { app }, context: new Map([["app", app]]) });
  await tell();
  return tell;
}

const texts = (query: string): string[] => [...document.querySelectorAll(query)].map((found) => found.textContent ?? "");

afterEach(async () => {
  if (shown) await unmount(shown);
});

describe("an open receipt", () => {
  it("is read again when direct ways have failed, and when a hand-over goes on", async () => {
    const tell = await show(Receipt, RELAYED);
    expect(texts("li")).toEqual(["asked 1"]);
    await tell({ event: "receipt", receipt: { ...TOLD, why_relay: "failed" } });
    expect(texts("li")).toEqual(["asked 2"]);
    await tell({ event: "peer_away", grace_s: 30 });
    expect(texts("li")).toEqual(["asked 3"]);
    await tell({ event: "path", kind: "direct", how: "public", took_ms: 1, rtt_ms: 2, receipt: TOLD });
    expect(texts("li")).toEqual(["asked 4"]);
    await tell({ event: "text", message_id: "ffffffffffffffff.1", text: "a" });
    expect(texts("li")).toEqual(["asked 4"]);
  });

  it("is of the past when the talk is over", async () => {
    const tell = await show(Receipt, RELAYED);
    expect(texts("h2")).toEqual(["How you are connected"]);
    await tell({ event: "ended", reason: "peer_hung_up", lasted_s: 9 }, { event: "state", state: "home" });
    expect(texts("h2")).toEqual(["How you were connected"]);
    expect(texts("li")).toEqual(["asked 2"]);
  });
});

describe("while two are connected", () => {
  it("says what is being tried, aloud, too, and nothing of the match before", async () => {
    const tell = await show(Waiting, RELAYED.slice(0, 2));
    const said = (): string[] => texts("[role=status] p");
    expect(said().filter(Boolean)).toEqual([t("trying.begins")]);
    await tell({ event: "trying", kinds: ["direct"], technique: "birthday" });
    expect(said().filter(Boolean)).toEqual([t("trying.guesses")]);
    await tell({ event: "trying", kinds: ["direct", "relay"], technique: "birthday" });
    expect(said().filter(Boolean)).toEqual([t("trying.guesses"), t("trying.relay_too")]);
    await tell({ event: "state", state: "seeking" }, ...RELAYED.slice(0, 2));
    expect(said().filter(Boolean)).toEqual([t("trying.begins")]);
  });
});
