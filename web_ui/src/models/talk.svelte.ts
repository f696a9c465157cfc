// One talk as a fold over its events: the same events, live or from the history, give the same talk.
import {
  IMAGE_TYPES,
  type AnyEvent,
  type Code,
  type Ended,
  type HistoryReply,
  type PathKind,
  type Preview,
  type Standing,
  type TalkKind,
  type TryingEvent,
} from "../bridge/api.gen";

export type Delivery = "sent" | "delivered" | "failed";
export type Moving = "offered" | "accepted" | "moving" | "done" | "failed";

interface Base {
  id: string;
  mine: boolean;
  /** When it was said, in milliseconds since 1970. */
  at: number;
}

export class TextEntry implements Base {
  readonly kind = "text";
  delivery = $state<Delivery>("sent");
  problem = $state<string>("");
  constructor(
    readonly id: string,
    readonly mine: boolean,
    readonly at: number,
    readonly text: string,
  ) {}
}

export class FileEntry implements Base {
  readonly kind = "file";
  moving = $state<Moving>("offered");
  bytes = $state(0);
  pausedByYou = $state(false);
  pausedByPeer = $state(false);
  problem = $state<string>("");
  code = $state<Code | "">("");
  constructor(
    readonly id: string,
    readonly mine: boolean,
    readonly at: number,
    readonly name: string,
    readonly contentType: string,
    readonly size: number,
    readonly preview: Preview | null,
  ) {}

  /** Whether it moves, or may still do so. */
  get open(): boolean {
    return this.moving !== "done" && this.moving !== "failed";
  }

  get isImage(): boolean {
    return (IMAGE_TYPES as readonly string[]).includes(this.contentType);
  }
}

/** Something that happened, said by the program: a key of the locales. */
export class NewsEntry implements Base {
  readonly kind = "news";
  readonly mine = false;
  constructor(
    readonly id: string,
    readonly at: number,
    readonly key: string,
    readonly fill: Record<string, string> = {},
  ) {}
}

export type Entry = TextEntry | FileEntry | NewsEntry;

/** Entries are kept in blocks, so that a new one touches only the last of them however long the talk is. */
export const BLOCK = 50;
/** A block with so many characters takes no more entries: what is in sight is laid out whole. */
export const BLOCK_TEXT = 16_384;
/** Entries that are kept; of more, the oldest blocks are dropped. */
export const MOST = 2_000;
/** Characters in the texts that are kept, likewise. */
export const MOST_TEXT = 2_097_152;

export class Block {
  entries = $state.raw<Entry[]>([]);
  /** The first entry in it that the person had not seen when it came, if the talk has one and it is here. */
  mark = $state<string | null>(null);
  /** Characters in its texts. */
  size = 0;
  constructor(readonly number: number) {}
}

/** How a talk ended, and how many seconds it lasted. */
export interface End {
  reason: Ended;
  lasted: number;
}

export class Talk {
  peer = $state("");
  /** The peer's name mixes scripts whose letters look alike. */
  mixed = $state(false);
  standing = $state<Standing>("connecting");
  ended = $state.raw<End | null>(null);
  path = $state<PathKind | null>(null);
  /** What is being tried while there is no way yet. */
  trying = $state.raw<TryingEvent | null>(null);
  /** How often the way has changed, or was lost, or more was known of it. */
  ways = $state(0);
  greeted = $state("");
  peerGreeted = $state("");
  peerTyping = $state(false);
  away = $state(false);
  /** Until when a lost peer is waited for, in milliseconds since 1970. */
  awayUntil = $state(0);
  blocks = $state.raw<Block[]>([]);
  /** How many entries of the peer came since the person last looked. */
  unread = $state(0);
  /** How many entries are our own. */
  saidByUs = $state(0);
  /** How many messages came before those that are kept. */
  earlier = $state(0);

  #texts = new Map<string, TextEntry>();
  #files = new Map<string, FileEntry>();
  #count = 0;
  #kept = 0;
  #size = 0;
  #marked: Block | null = null;
  /** The number of the last event that the history has told. */
  #told = 0;

  constructor(
    readonly id: string,
    readonly kind: TalkKind,
    peer: string,
    /** Whether the person is looking at the end of the talk now. */
    private readonly looking: () => boolean,
  ) {
    this.peer = peer;
  }

  get count(): number {
    return this.#count;
  }

  file(id: string): FileEntry | undefined {
    return this.#files.get(id);
  }

  seen(): void {
    this.unread = 0;
  }

  /** The first entry that came unseen. */
  get firstUnread(): string | null {
    return this.#marked?.mark ?? null;
  }

  unmark(): void {
    if (this.#marked) this.#marked.mark = null;
    this.#marked = null;
  }

  /** Take all that has happened before the page was there. The person has seen it. */
  recall({ events, n, earlier }: HistoryReply): void {
    this.earlier += earlier;
    for (const { at, happened } of events) this.#fold(happened, at);
    this.#told = n;
    this.seen();
  }

  /** Take one event of this talk, unless the history has told it already. A history may lack the end. */
  take(event: AnyEvent, at: number): void {
    if (event.n > this.#told || event.event === "ended") this.#fold(event, at);
  }

  #fold(event: AnyEvent, at: number): void {
    switch (event.event) {
      case "ended":
        this.ended = { reason: event.reason, lasted: event.lasted_s };
        break;
      case "trying":
        this.trying = event;
        break;
      case "receipt":
        this.ways += 1;
        break;
      case "path":
        if (this.path !== null && this.path !== event.kind) this.#news(`talk.path_now.${event.kind}`, at);
        this.path = event.kind;
        this.ways += 1;
        break;
      case "greeted":
        this.greeted = event.greeting;
        break;
      case "peer_greeted":
        this.peerGreeted = event.greeting;
        break;
      case "said":
        this.#text(new TextEntry(event.message_id, true, at, event.text));
        break;
      case "text":
        this.peerTyping = false;
        this.#text(new TextEntry(event.message_id, false, at, event.text));
        break;
      case "delivered": {
        const text = this.#texts.get(event.message_id);
        if (text) {
          text.delivery = "delivered";
          text.problem = "";
        }
        break;
      }
      case "undelivered": {
        const text = this.#texts.get(event.message_id);
        if (text) {
          text.delivery = "failed";
          text.problem = event.error.message;
        }
        break;
      }
      case "offer":
      case "offered":
        this.#file(
          new FileEntry(
            event.transfer_id,
            event.event === "offered",
            at,
            event.name,
            event.content_type,
            event.size,
            event.preview,
          ),
        );
        break;
      case "peer_typing":
        this.peerTyping = event.typing;
        break;
      case "peer_away":
        this.away = true;
        this.ways += 1;
        this.awayUntil = at + event.grace_s * 1000;
        this.peerTyping = false;
        this.#news("talk.away", at);
        break;
      case "peer_back":
        this.away = false;
        this.#news("talk.back", at);
        break;
      case "accepted":
      case "progress":
      case "paused":
      case "received":
      case "sent":
      case "failed":
        this.#transfer(event);
        break;
    }
  }

  #transfer(event: AnyEvent & { transfer_id: string }): void {
    const file = this.#files.get(event.transfer_id);
    if (!file) return;
    switch (event.event) {
      case "accepted":
        file.moving = "accepted";
        break;
      case "progress":
        file.moving = "moving";
        file.bytes = event.bytes;
        break;
      case "paused":
        file.pausedByYou = event.by_you;
        file.pausedByPeer = event.by_peer;
        break;
      case "received":
      case "sent":
        file.moving = "done";
        file.bytes = file.size;
        break;
      case "failed":
        file.moving = "failed";
        file.code = event.error.code as Code;
        file.problem = event.error.message;
        break;
    }
  }

  #text(entry: TextEntry): void {
    this.#texts.set(entry.id, entry);
    this.#append(entry);
  }

  #file(entry: FileEntry): void {
    this.#files.set(entry.id, entry);
    this.#append(entry);
  }

  #news(key: string, at: number): void {
    this.#append(new NewsEntry(`news-${this.#count}`, at, key, { peer: this.peer }));
  }

  #append(entry: Entry): void {
    let last = this.blocks.at(-1);
    if (last === undefined || last.entries.length >= BLOCK || last.size >= BLOCK_TEXT) {
      last = new Block(last === undefined ? 0 : last.number + 1);
      this.blocks = [...this.blocks, last];
    }
    last.entries = [...last.entries, entry];
    const size = sizeOf(entry);
    last.size += size;
    this.#size += size;
    this.#kept += 1;
    if (!entry.mine && entry.kind !== "news" && !this.looking()) {
      this.unread += 1;
      this.#marked ??= last;
      this.#marked.mark ??= entry.id;
    }
    this.#count += 1;
    if (entry.mine) this.saidByUs += 1;
    while ((this.#kept > MOST || this.#size > MOST_TEXT) && this.blocks.length > 1) this.#dropFirst();
  }

  /** Drop the first block; files that still move, or wait for an answer, go to the next one. */
  #dropFirst(): void {
    const [first, next] = this.blocks as [Block, Block];
    const stay = first.entries.filter((entry) => entry.kind === "file" && entry.open);
    for (const entry of first.entries) {
      if (entry.kind === "file" && entry.open) continue;
      this.#texts.delete(entry.id);
      this.#files.delete(entry.id);
      if (entry.kind !== "news") this.earlier += 1;
    }
    if (stay.length > 0) next.entries = [...stay, ...next.entries];
    this.#kept -= first.entries.length - stay.length;
    this.#size -= first.size;
    if (this.#marked === first) {
      this.unmark(); // all that is kept came unseen, too
      this.#marked = next;
      next.mark = next.entries[0]!.id;
    }
    this.blocks = this.blocks.slice(1);
  }
}

const sizeOf = (entry: Entry): number => (entry.kind === "text" ? entry.text.length : 0);
