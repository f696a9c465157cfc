// Everything the page shows, as one fold over replies and events. It decides nothing: the core does.
import type {
  AnyEvent,
  Ended,
  HostReply,
  MailedEvent,
  NetworkReply,
  PathKind,
  Settings,
  State,
} from "../bridge/api.gen";
import { Refusal, type AllReplies, type Bridge, type Doable } from "../bridge/bridge";
import { setLanguage, t } from "../lib/i18n.svelte";
import { Appearance, type Look } from "./appearance.svelte";
import { Talk } from "./talk.svelte";

/** Where a person without a log-in is. */
export type Door = "welcome" | "server" | "sign_up" | "check_mail" | "log_in" | "forgot" | "reset";
/** What lies over the screen. */
export type Sheet = "settings" | "shortcuts" | "address" | "hang_up" | "receipt" | null;

/** Whether the history of the talk tells it, too. */
const isOfTheTalk = ({ event }: AnyEvent): boolean =>
  !["state", "online", "server", "ended", "mailed", "notice"].includes(event);

export interface Toast {
  id: number;
  text: string;
  grave: boolean;
}

/** What is not asked of the core after a reload, because it does not know. */
interface Kept {
  door: Door;
  email: string;
  mail: MailedEvent | null;
  sheet: Sheet;
  state: State;
  since: number;
  ended: { reason: Ended; lasted: number; peer: string } | null;
}

export class App {
  /** Whether it is known where things stand; nothing is shown before. */
  begun = $state(false);
  state = $state<State>("signed_out");
  door = $state<Door>("welcome");
  sheet = $state<Sheet>(null);
  username = $state("");
  /** The address a code was mailed to. */
  email = $state("");
  server = $state("");
  online = $state(false);
  offlineWhy = $state("");
  retryAt = $state<number | null>(null);
  settings = $state<Settings>({
    hide_address: false,
    language: "zh-CN",
    downloads: "",
    appearance: "auto",
    address_asked: false,
    map_port: true,
  });
  version = $state("");
  practising = $state(false);
  hosting = $state.raw<HostReply | null>(null);
  /** The last mail of a server on this computer. */
  mail = $state.raw<MailedEvent | null>(null);
  peer = $state("");
  path = $state<PathKind | null>(null);
  /** When the state was entered, in milliseconds since 1970. */
  since = $state(Date.now());
  talk = $state.raw<Talk | null>(null);
  ended = $state.raw<Kept["ended"]>(null);
  toasts = $state<Toast[]>([]);
  network = $state<NetworkReply | null>(null);
  /** Whether the end of the talk is in sight and the window in front: what comes then is not unread. */
  looking = true;
  readonly appearance = new Appearance();

  #toasts = 0;

  constructor(private readonly bridge: Bridge) {}

  /** Draw where things stand, then follow. Also after a reload, so nothing is kept here that is not there. */
  async begin(): Promise<void> {
    let early: AnyEvent[] = [];
    let live = false;
    this.bridge.listen((event) => (live ? this.take(event) : early.push(event)));
    const kept = await this.#kept();
    const status = await this.bridge.do({ command: "status" }, () => {
      early = early.filter(({ event }) => event === "notice" || event === "mailed"); // the status knows the rest
    });
    setLanguage(status.settings.language);
    this.settings = status.settings;
    this.username = status.username ?? "";
    this.server = status.server;
    this.version = status.version ?? "";
    this.practising = status.practising ?? false;
    this.appearance.choose(status.settings.appearance as Look);
    this.online = status.online;
    this.peer = status.peer?.username ?? "";
    this.path = status.path;
    this.state = status.state;
    this.#comeBack(kept);
    let told = 0;
    if (status.state === "greeting" || status.state === "talking") {
      this.talk = this.#newTalk();
      const { events } = await this.bridge.do({ command: "history" }, () => (told = early.length));
      for (const { at, happened } of events) this.talk.take(happened, at);
      this.talk.seen();
      this.path = this.talk.path ?? status.path;
    }
    early.forEach((event, at) => {
      if (at >= told || !isOfTheTalk(event)) this.take(event); // the history has told the others
    });
    live = true;
    this.begun = true;
  }

  /** Have the window keep where the page is. Called whenever one of these changes. */
  keep(): void {
    const { door, email, mail, sheet, state, since, ended } = this;
    const page = JSON.stringify({ door, email, mail, sheet, state, since, ended } satisfies Kept);
    this.bridge.do({ command: "keep", page }).catch(() => {});
  }

  async #kept(): Promise<Kept | null> {
    const { page } = await this.bridge.do({ command: "kept" });
    return page ? (JSON.parse(page) as Kept) : null;
  }

  #comeBack(kept: Kept | null): void {
    if (kept?.state !== this.state) return;
    ({ door: this.door, email: this.email, mail: this.mail } = kept);
    ({ sheet: this.sheet, since: this.since, ended: this.ended } = kept);
  }

  /** Carry a command out; a refusal becomes a toast and `null`. */
  async do<C extends Doable>(command: C): Promise<AllReplies[C["command"]] | null> {
    try {
      return await this.bridge.do(command);
    } catch (refusal) {
      this.say(refusal instanceof Refusal ? refusal.message : t("code.internal"), true);
      return null;
    }
  }

  /** Carry a command out and let the caller show the refusal in its own place. */
  async ask<C extends Doable>(command: C): Promise<AllReplies[C["command"]]> {
    return this.bridge.do(command);
  }

  say(text: string, grave = false): void {
    const id = ++this.#toasts;
    this.toasts = [...this.toasts.slice(-2), { id, text, grave }];
    setTimeout(() => this.hush(id), grave ? 9000 : 5000);
  }

  hush(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** Take one event. */
  take(event: AnyEvent): void {
    const now = Date.now();
    switch (event.event) {
      case "state":
        this.#enter(event.state, now);
        break;
      case "online":
        this.online = event.online;
        this.offlineWhy = event.error?.message ?? "";
        this.retryAt = event.retry_s === null ? null : now + event.retry_s * 1000;
        break;
      case "server":
        if (this.practising && !event.practising) this.door = "welcome"; // to where one was before
        this.server = event.server;
        this.practising = event.practising;
        break;
      case "matched":
        this.peer = event.peer.username;
        this.path = null;
        this.talk = this.#newTalk();
        this.ended = null;
        break;
      case "ended":
        this.ended = { reason: event.reason, lasted: event.lasted_s, peer: this.peer };
        break;
      case "mailed":
        this.mail = event;
        break;
      case "notice":
        if (event.code !== "direct_shows_addresses") this.say(event.message); // the page asks instead of telling
        break;
      default:
        if (event.event === "path") this.path = event.kind;
        this.talk?.take(event, now);
    }
  }

  #enter(state: State, now: number): void {
    if (state === this.state) return;
    if (state === "signed_out") {
      this.username = "";
      this.door = this.server ? "log_in" : "welcome";
    }
    if (state === "seeking") this.ended = null;
    if (state === "home" || state === "signed_out" || state === "seeking") {
      this.talk = null;
      this.path = null;
      if (this.sheet === "hang_up" || (this.sheet === "receipt" && state !== "home")) this.sheet = null;
    }
    this.state = state;
    this.since = now;
    if (state === "home" && this.username === "") void this.#learnWho();
  }

  /** After a log-in that was restored: nobody has typed a name here. */
  async #learnWho(): Promise<void> {
    const status = await this.do({ command: "status" });
    if (status !== null) this.username = status.username ?? "";
  }

  #newTalk(): Talk {
    return new Talk(this.peer, () => this.looking);
  }
}
