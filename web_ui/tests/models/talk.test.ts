import { describe, expect, it } from "vitest";

import {
  BLOCK,
  BLOCK_TEXT,
  MOST,
  MOST_TEXT,
  Talk,
  type FileEntry,
  type TextEntry,
} from "../../src/models/talk.svelte";
import { TALK, tell } from "../helpers/events";

const talk = (looking = true): Talk => new Talk(TALK, "stranger", "小明", () => looking);
const last = <T>(of: Talk): T => of.blocks.at(-1)!.entries.at(-1) as T;

describe("a talk folds its events", () => {
  it("follows our text from sent over failed to delivered", () => {
    const t = talk();
    t.take(tell("said", { message_id: "L1", text: "你好吗" }), 1);
    expect(last<TextEntry>(t)).toMatchObject({ mine: true, delivery: "sent", text: "你好吗" });
    t.take(
      tell("undelivered", { message_id: "L1", error: { code: "not_delivered", message: "没有送达" } }),
      2,
    );
    expect(last<TextEntry>(t)).toMatchObject({ delivery: "failed", problem: "没有送达" });
    t.take(tell("delivered", { message_id: "L1" }), 3);
    expect(last<TextEntry>(t)).toMatchObject({ delivery: "delivered", problem: "" });
  });

  it("follows a file from the offer to the end", () => {
    const t = talk();
    t.take(
      tell("offer", { transfer_id: "F2", name: "a.png", content_type: "image/png", size: 10, preview: null }),
      1,
    );
    const file = last<FileEntry>(t);
    expect(file).toMatchObject({ mine: false, moving: "offered", isImage: true });
    t.take(tell("progress", { transfer_id: "F2", bytes: 4, size: 10 }), 2);
    t.take(tell("paused", { transfer_id: "F2", by_you: false, by_peer: true }), 3);
    expect(file).toMatchObject({ moving: "moving", bytes: 4, pausedByPeer: true });
    t.take(tell("received", { transfer_id: "F2", path: "/x/a.png", digest: "sha256:00" }), 4);
    expect(file).toMatchObject({ moving: "done", bytes: 10 });
  });

  it("never shows a vector image as a picture", () => {
    const t = talk();
    t.take(
      tell("offer", { transfer_id: "F1", name: "a", content_type: "image/svg+xml", size: 1, preview: null }),
      1,
    );
    expect(last<FileEntry>(t).isImage).toBe(false);
  });

  it("ignores news of messages and files it does not know", () => {
    const t = talk();
    t.take(tell("delivered", { message_id: "L9" }), 1);
    t.take(tell("sent", { transfer_id: "L9" }), 1);
    expect(t.count).toBe(0);
  });

  it("keeps long talks in blocks and touches only the last", () => {
    const t = talk();
    for (let n = 1; n <= 2 * BLOCK; n += 1) t.take(tell("text", { message_id: `F${n}`, text: "x" }), n);
    const first = t.blocks[0]!.entries;
    t.take(tell("text", { message_id: "F999", text: "y" }), 999);
    expect(t.blocks.map((block) => block.entries.length)).toEqual([BLOCK, BLOCK, 1]);
    expect(t.blocks[0]!.entries).toBe(first);
  });

  it("keeps a bounded number of entries however much is said, and counts those before", () => {
    const t = talk(false);
    const offer = { name: "a.png", content_type: "image/png", size: 10, preview: null };
    t.take(tell("offer", { transfer_id: "F0", ...offer }), 0);
    t.take(tell("peer_back", {}), 0);
    for (let n = 1; n <= MOST + 3 * BLOCK; n += 1)
      t.take(tell("text", { message_id: `F${n}`, text: "x" }), n);
    const kept = t.blocks.flatMap((block) => block.entries);
    expect(kept.length).toBeLessThanOrEqual(MOST);
    expect(kept.length).toBeGreaterThan(MOST - BLOCK);
    expect(kept[0], "an offer waits for its answer").toBe(t.file("F0"));
    expect(kept.at(-1)!.id).toBe(`F${MOST + 3 * BLOCK}`);
    expect(t.earlier + kept.length).toBe(MOST + 3 * BLOCK + 1);
    expect(t.firstUnread, "all of them are unseen").toBe(kept[0]!.id);
    expect(new Set(t.blocks.map((block) => block.number)).size).toBe(t.blocks.length);
    t.take(tell("failed", { transfer_id: "F0", error: { code: "cancelled", message: "" } }), 1);
    for (let n = 1; n <= 2 * BLOCK; n += 1) t.take(tell("text", { message_id: `G${n}`, text: "x" }), n);
    expect(t.file("F0"), "after which it goes like any other").toBeUndefined();
  });

  it("keeps a bounded number of characters, in blocks that are laid out in little time", () => {
    const t = talk();
    const text = "x".repeat(65_536);
    for (let n = 1; n <= 200; n += 1) t.take(tell("text", { message_id: `F${n}`, text }), n);
    const kept = t.blocks.flatMap((block) => block.entries) as TextEntry[];
    expect(kept.length * text.length).toBeLessThanOrEqual(MOST_TEXT);
    expect(kept.length + t.earlier).toBe(200);
    expect(BLOCK_TEXT).toBeLessThanOrEqual(text.length);
    expect(t.blocks.every((block) => block.entries.length === 1)).toBe(true);
  });

  it("counts those that the history does not have any more, too", () => {
    const t = talk();
    const event = tell("text", { message_id: "F9", text: "x" });
    t.recall({ events: [{ at: 1, happened: event }], n: event.n, earlier: 8 });
    expect([t.earlier, t.count]).toEqual([8, 1]);
  });

  it("counts what the person has not seen, and marks where it begins", () => {
    const t = talk(false);
    t.take(tell("said", { message_id: "L1", text: "a" }), 1);
    t.take(tell("text", { message_id: "F1", text: "b" }), 2);
    t.take(tell("text", { message_id: "F2", text: "c" }), 3);
    expect([t.unread, t.firstUnread]).toEqual([2, "F1"]);
    t.seen();
    expect([t.unread, t.firstUnread]).toEqual([0, "F1"]);
  });

  it("knows until when a lost peer is waited for, also from the history", () => {
    const t = talk();
    t.take(tell("peer_away", { grace_s: 30 }), 1_000);
    expect([t.away, t.awayUntil]).toEqual([true, 31_000]);
    t.take(tell("peer_back", {}), 2_000);
    expect(t.away).toBe(false);
  });

  it("has the receipt read again when more is known of the way, and says nothing else", () => {
    const t = talk();
    t.take(tell("path", { kind: "relay", how: "relay", took_ms: 1, rtt_ms: 2, receipt: null }), 1);
    const before = t.ways;
    const receipt = {
      stood_ms: 1,
      proved_ms: 2,
      technique: "crossing",
      syns: 60,
      why_relay: "failed" as const,
    };
    t.take(tell("receipt", { receipt }), 2);
    expect([t.ways, t.count, t.path]).toEqual([before + 1, 0, "relay"]);
  });

  it("says when the path changes, but not at the first", () => {
    const t = talk();
    t.take(tell("path", { kind: "relay", how: "relay", took_ms: 1, rtt_ms: 2, receipt: null }), 1);
    expect(t.count).toBe(0);
    t.take(tell("path", { kind: "direct", how: "punch", took_ms: 1, rtt_ms: 2, receipt: null }), 2);
    expect(last<{ key: string }>(t).key).toBe("talk.path_now.direct");
  });

  it("drops what the history has told, and takes what comes after it", () => {
    const t = talk(false);
    const [first, second, third] = ["a", "b", "c"].map((text) => tell("text", { message_id: text, text }));
    const events = [first!, second!].map((happened) => ({ at: 1, happened }));
    t.recall({ events, n: second!.n, earlier: 0 });
    for (const event of [first!, second!, third!]) t.take(event, 2);
    expect(t.blocks[0]!.entries.map((entry) => entry.id)).toEqual(["a", "b", "c"]);
    expect(t.unread).toBe(1);
  });

  it("knows how it ended, also where the history that told it is gone", () => {
    const t = talk();
    const end = tell("ended", { reason: "peer_lost", lasted_s: 7 });
    t.recall({ events: [], n: end.n, earlier: 0 });
    t.take(end, 1);
    expect(t.ended).toEqual({ reason: "peer_lost", lasted: 7 });
  });
});
