// Everything the page shows, as one fold over replies and events. It decides nothing: the core does.
import { SvelteMap } from "svelte/reactivity";

import type {
  AnyEvent,
  HostReply,
  Look,
  MailedEvent,
  NetworkReply,
  Settings,
  State,
  StatusReply,
  TalkInfo,
  TalkKind,
} from "../bridge/api.gen";
import { Refusal, type AllReplies, type Bridge, type Doable } from "../bridge/bridge";
import { setLanguage, t } from "../lib/i18n.svelte";
import { Appearance } from "./appearance.svelte";
import { Talk, type End } from "./talk.svelte";

/** Where a person without a log-in is. */
export type AccountScreen = "welcome" | "server" | "sign_up" | "check_mail" | "log_in" | "forgot" | "reset";
/** What lies over the screen. */
export type Sheet = "settings" | "shortcuts" | "address" | "hang_up" | "log_out" | "receipt" | null;

export interface Toast {
  id: number;
  text: string;
  grave: boolean;
  timer: ReturnType<typeof setTimeout>;
}

/** What the core does not know, and the window keeps for a page that is loaded again. */
interface Kept {
  screen: AccountScreen;
  email: string;
  mail: MailedEvent | null;
  sheet: Sheet;
  state: State;
  since: number;
  ended: (End & { talk: string; peer: string }) | null;
}

export class App {
  /** Whether it is known where things stand; nothing is shown before. */
  begun = $state(false);
  /** Where the person stands: which screen is shown. */
  state = $state<State>("signed_out");
  screen = $state<AccountScreen>("welcome");
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
  /** When the state was entered, in milliseconds since 1970. */
  since = $state(Date.now());
  /** Every talk, by its id. */
  readonly talks = new SvelteMap<string, Talk>();
  toasts = $state.raw<Toast[]>([]);
  /** How many dialogs are open, one over the other: toasts are said in the topmost alone. */
  dialogs = $state(0);
  network = $state<NetworkReply | null>(null);
  /** Whether the end of the talk is in sight and the window in front: what comes then is not unread. */
  looking = true;
  readonly appearance = new Appearance();

  /** The id of the talk in the pane: the stranger's, while it is on, and after its end until it is left. */
  #open = $state("");
  /** The number of the last event that the status has told of. */
  #told = 0;
  /** The number of the last event that the page knows of. */
  #last = 0;
  /** What came while it is being asked where things stand; null while nothing is asked. */
  #early: AnyEvent[] | null = null;
  #toasts = 0;
  /** What buttons have said and is not answered yet. */
  readonly #pressed = new Set<string>();

  constructor(private readonly bridge: Bridge) {}

  /** The talk in the pane. */
  get talk(): Talk | null {
    return this.talks.get(this.#open) ?? null;
  }

  /** Draw where things stand, then follow. Also after a reload, so nothing is kept here that is not there. */
  async begin(): Promise<void> {
    this.#early = [];
    this.bridge.listen((event) => this.#hear(event));
    const { page } = await this.bridge.do({ command: "kept" });
    const status = await this.bridge.do({ command: "status" });
    this.#draw(status);
    this.state = status.state;
    if (page) this.#comeBack(JSON.parse(page) as Kept);
    for (const info of status.talks) await this.#recall(info);
    this.#goOn();
    this.begun = true;
  }

  /**
   * Hear one event. Numbers run on, so a gap tells that the window has dropped some, because the page took none
   * for too long: then all is asked anew.
   */
  #hear(event: AnyEvent): void {
    if (this.#early !== null) {
      this.#early.push(event);
      return;
    }
    const missed = event.n > this.#last + 1;
    this.#last = Math.max(this.#last, event.n);
    this.take(event);
    if (missed) void this.#catchUp();
  }

  /** Come to where things stand now. */
  async #catchUp(): Promise<void> {
    this.#early = [];
    const status = await this.do({ command: "status" });
    if (status !== null) {
      this.#draw(status);
      this.#enter(status.state, Date.now());
      for (const info of status.talks) await this.#recall(info);
    }
    this.#goOn();
  }

  /** Hear what came meanwhile, then all else. */
  #goOn(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.#hear(event);
  }

  #draw(status: StatusReply): void {
    this.#told = this.#last = status.n;
    setLanguage(status.settings.language);
    this.settings = status.settings;
    this.username = status.username ?? "";
    this.server = status.server;
    this.version = status.version;
    this.practising = status.practising;
    this.appearance.choose(status.settings.appearance as Look);
    this.online = status.online;
  }

  /** Take a talk as its history tells it. */
  async #recall(info: TalkInfo): Promise<void> {
    const history = await this.do({ command: "history", talk: info.talk });
    if (history === null) return;
    this.talks.delete(info.talk);
    const talk = this.#meet(info.talk, info.kind, info.name);
    talk.mixed = info.mixed;
    talk.standing = info.standing;
    talk.recall(history);
    talk.path ??= info.path;
  }

  /** Have the window keep where the page is. Called whenever one of these changes. */
  keep(): void {
    const { screen, email, mail, sheet, state, since, talk } = this;
    const ended = talk?.ended ? { ...talk.ended, talk: talk.id, peer: talk.peer } : null;
    const page = JSON.stringify({ screen, email, mail, sheet, state, since, ended } satisfies Kept);
    this.bridge.do({ command: "keep", page }).catch(() => {});
  }

  #comeBack(kept: Kept): void {
    if (kept.state !== this.state) return;
    ({ screen: this.screen, email: this.email, mail: this.mail } = kept);
    ({ sheet: this.sheet, since: this.since } = kept);
    if (kept.ended === null) return;
    const { talk, peer, ...end } = kept.ended;
    this.#meet(talk, "stranger", peer).ended = end;
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

  /** Carry out what a button or key says; the same again, before the answer, is that very press. */
  async press<C extends Doable>(command: C): Promise<AllReplies[C["command"]] | null> {
    const said = JSON.stringify(command);
    if (this.#pressed.has(said)) return null;
    this.#pressed.add(said);
    const answer = await this.do(command);
    this.#pressed.delete(said);
    return answer;
  }

  /** Carry a command out and let the caller show the refusal in its own place. */
  async ask<C extends Doable>(command: C): Promise<AllReplies[C["command"]]> {
    return this.bridge.do(command);
  }

  /** Say something for some seconds. What stands there already is not said again, but stays for longer. */
  say(text: string, grave = false): void {
    const same = this.toasts.find((toast) => toast.text === text && toast.grave === grave);
    if (same) clearTimeout(same.timer);
    const id = same?.id ?? ++this.#toasts;
    const timer = setTimeout(() => this.hush(id), grave ? 9000 : 5000);
    if (same) same.timer = timer;
    else this.toasts = [...this.toasts.slice(-2), { id, text, grave, timer }];
  }

  hush(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** Put the talk in the pane away. */
  leave(): void {
    this.talks.delete(this.#open);
    this.#open = "";
  }

  /** Take one event, unless the status has told it already. No reply tells of notices and mails. */
  take(event: AnyEvent): void {
    if (event.event === "mailed") this.mail = event;
    else if (event.event === "notice") this.#notice(event.code, event.message);
    else if (event.n > this.#told) this.#fold(event, Date.now());
  }

  #notice(code: string, message: string): void {
    if (code !== "direct_shows_addresses") this.say(message); // the page asks instead of telling
  }

  #fold(event: AnyEvent, now: number): void {
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
        if (this.practising && !event.practising) this.screen = "welcome"; // to where one was before
        this.server = event.server;
        this.practising = event.practising;
        break;
      case "matched":
        this.#meet(event.talk, "stranger", event.peer.username).mixed = event.peer.mixed ?? false;
        break;
      case "talk":
        if (event.standing === "over" && !this.talks.has(event.talk)) break; // left before
        {
          const talk = this.#meet(event.talk, event.kind, event.name);
          [talk.standing, talk.mixed] = [event.standing, event.mixed];
        }
        break;
      default:
        if ("talk" in event) this.talks.get(event.talk)?.take(event, now);
    }
  }

  /** The talk with this id; a stranger's talk that is new takes the place of the one before, in the pane, too. */
  #meet(id: string, kind: TalkKind, name: string): Talk {
    const known = this.talks.get(id);
    if (known !== undefined) {
      known.peer = name;
      return known;
    }
    const talk = new Talk(id, kind, name, () => this.looking);
    if (kind === "stranger") {
      this.leave();
      this.#open = id;
    }
    this.talks.set(id, talk);
    return talk;
  }

  #enter(state: State, now: number): void {
    if (state === this.state) return;
    if (state === "signed_out") {
      this.username = "";
      this.talks.clear(); // the next account must see nothing of this one's
      this.screen = this.server ? "log_in" : "welcome";
    }
    if (state === "home" || state === "signed_out" || state === "seeking") {
      if (state !== "home" || !this.talk?.ended) this.leave();
      if (
        this.sheet === "hang_up" ||
        this.sheet === "log_out" ||
        (this.sheet === "receipt" && state !== "home")
      )
        this.sheet = null;
    }
    this.state = state;
    this.since = now;
    if (state === "home" && this.username === "") void this.#learnWho();
  }

  /** After a log-in that was restored: no name was typed here. */
  async #learnWho(): Promise<void> {
    const status = await this.do({ command: "status" });
    if (status !== null) this.username = status.username ?? "";
  }
}
