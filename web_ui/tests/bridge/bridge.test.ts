import { describe, expect, it } from "vitest";

import type { AnyEvent } from "../../src/bridge/api.gen";
import { lineBridge, Refusal } from "../../src/bridge/bridge";

describe("the way to Python", () => {
  it("brings each command its own reply, in any order", async () => {
    const sent: { id: number; command: string }[] = [];
    const { bridge, receive } = lineBridge((line) => sent.push(JSON.parse(line)));
    const first = bridge.do({ command: "send_text", text: "a" });
    const second = bridge.do({ command: "send_text", text: "b" });
    receive(JSON.stringify({ reply: sent[1]!.id, ok: true, message_id: "1111111111111111.2" }));
    receive(JSON.stringify({ reply: sent[0]!.id, ok: true, message_id: "1111111111111111.1" }));
    expect([(await first).message_id, (await second).message_id]).toEqual([
      "1111111111111111.1",
      "1111111111111111.2",
    ]);
  });

  it("turns a refusal into an error with its code and sentence", async () => {
    let id = 0;
    const { bridge, receive } = lineBridge((line) => (id = JSON.parse(line).id));
    const asked = bridge.do({ command: "greet" });
    receive(JSON.stringify({ reply: id, ok: false, error: { code: "no_talk", message: "没有人" } }));
    const refusal = await asked.catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "no_talk", message: "没有人" });
  });

  it("lets every hearer hear every event", () => {
    const { bridge, receive } = lineBridge(() => {});
    const heard: AnyEvent[] = [];
    bridge.listen((event) => heard.push(event));
    bridge.listen((event) => heard.push(event));
    receive(JSON.stringify({ event: "peer_back" }));
    expect(heard).toEqual([{ event: "peer_back" }, { event: "peer_back" }]);
  });
});
