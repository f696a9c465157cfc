// Builds events and replies as the core sends them, so that a test names only the fields it is about.
import type { AnyEvent, StatusReply, TalkInfo } from "../../src/bridge/api.gen";

type Name = AnyEvent["event"];
type Named<N extends Name> = Extract<AnyEvent, { event: N }>;
type Own<N extends Name> = Omit<Named<N>, "event" | "n" | "talk">;

/** The talk that events are about unless they name another. */
export const TALK = "talk-1";

let last = 0;

/** An event of this name. It gets the next running number and is about `TALK` unless `fields` say otherwise. */
export function tell<N extends Name>(name: N, fields: Own<N> & { n?: number; talk?: string }): Named<N> {
  return { event: name, n: ++last, talk: TALK, ...fields } as unknown as Named<N>;
}

/** The running number of the last event built here. */
export const told = (): number => last;

/** A reply to `status`: signed in as Ann, on a server, unless `fields` say otherwise. */
export function status(fields: Partial<StatusReply> = {}): StatusReply {
  return {
    state: "home",
    username: "Ann",
    path: null,
    online: false,
    server: "floater://a",
    settings: {
      hide_address: false,
      language: "en",
      downloads: "/d",
      appearance: "auto",
      address_asked: false,
      map_port: true,
    },
    version: "1",
    practising: false,
    talks: [],
    n: last,
    ...fields,
  };
}

/** A line of the list of talks: an open one with Bob, a stranger, unless `fields` say otherwise. */
export function info(fields: Partial<TalkInfo> = {}): TalkInfo {
  return {
    talk: TALK,
    kind: "stranger",
    name: "Bob",
    standing: "open",
    unread: 0,
    path: null,
    greeted: true,
    peer_greeted: true,
    mixed: false,
    ...fields,
  };
}
