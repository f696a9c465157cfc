// Mounts one view over a scripted core, plays a person in front of it, and says what the view asked for.
import { flushSync, mount, unmount, type Component } from "svelte";
import { vi } from "vitest";

import type { AnyEvent, Language } from "../../src/bridge/api.gen";
import { Refusal, type Bridge, type Doable } from "../../src/bridge/bridge";
import { setLanguage } from "../../src/lib/i18n.svelte";
import { App } from "../../src/models/app.svelte";
import type { Talk } from "../../src/models/talk.svelte";
import { tell } from "./events";

type Name = Doable["command"];
type Answer = object | Refusal | ((command: Doable) => object | Refusal);

/** What leads into a talk with Bob. */
export const MET = (): AnyEvent[] => [
  tell("state", { state: "connecting" }),
  tell("matched", { match_id: "m1", peer: { username: "Bob", mixed: false } }),
];

export class Page {
  readonly asked: Doable[] = [];
  readonly app: App;
  #mounted: ReturnType<typeof mount> | null = null;

  constructor(replies: Partial<Record<Name, Answer>>) {
    const bridge: Bridge = {
      do: async (command) => {
        if (command.command !== "keep") this.asked.push(command);
        const found = replies[command.command] ?? {};
        const answer = typeof found === "function" ? found(command) : found;
        if (answer instanceof Refusal) throw answer;
        return answer as never;
      },
      listen: () => {},
    };
    this.app = new App(bridge);
    this.app.username = "Ann";
  }

  get talk(): Talk {
    return this.app.talk!;
  }

  async show(view: Component<never>, props: object): Promise<void> {
    const context = new Map([["app", this.app]]);
    this.#mounted = mount(view, { target: document.body, props: props as never, context });
    await this.settle();
  }

  /** Tell events, and wait until the page has drawn what follows. */
  async hear(...events: AnyEvent[]): Promise<void> {
    for (const event of events) this.app.take(event);
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      flushSync();
      await Promise.resolve();
    }
    flushSync();
  }

  find<E extends HTMLElement = HTMLElement>(query: string): E {
    const found = document.querySelector<E>(query);
    if (found === null) throw new Error(`nothing is ${query} in ${document.body.textContent}`);
    return found;
  }

  has(query: string): boolean {
    return document.querySelector(query) !== null;
  }

  /** The trimmed texts of all that fit. */
  texts(query: string): string[] {
    return [...document.querySelectorAll(query)].map((found) =>
      found.textContent!.trim().replace(/\s+/g, " "),
    );
  }

  /** The button with this name, by its label or its text. */
  button(name: string): HTMLButtonElement {
    const all = [...document.querySelectorAll("button")];
    const named = (found: HTMLElement): string | null =>
      found.getAttribute("aria-label") ?? found.textContent!.trim();
    const button = all.find((found) => named(found) === name);
    if (button === undefined) throw new Error(`no button "${name}" among ${all.map(named).join(" | ")}`);
    return button;
  }

  async press(name: string): Promise<void> {
    this.button(name).click();
    await this.settle();
  }

  /** Write into the field with this label. */
  async fill(label: string, text: string): Promise<void> {
    const labels = [...document.querySelectorAll("label")].filter(
      (found) => found.textContent!.trim() === label,
    );
    const field = document.getElementById(labels[0]!.htmlFor) as HTMLInputElement;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await this.settle();
  }

  /** Tick the box or choose the dot beside this label. */
  async tick(label: string): Promise<void> {
    const found = [...document.querySelectorAll("label")].find((each) => each.textContent!.trim() === label)!;
    found.querySelector("input")!.click();
    await this.settle();
  }

  async key(key: string, more: KeyboardEventInit = {}, target: EventTarget = window): Promise<KeyboardEvent> {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
    target.dispatchEvent(event);
    await this.settle();
    return event;
  }

  async close(): Promise<void> {
    if (this.#mounted) await unmount(this.#mounted);
    this.#mounted = null;
    document.body.replaceChildren();
  }
}

interface Scene {
  /** Of the view, beside `app` and, in a talk, `talk`; or made of the page once its events are told. */
  props?: object | ((page: Page) => object);
  events?: AnyEvent[];
  replies?: Partial<Record<Name, Answer>>;
  language?: Language;
  /** Changes what no event changes, before the view is there. */
  before?: (app: App) => void;
}

let open: Page[] = [];

/** Show a view. */
export async function show(view: unknown, scene: Scene = {}): Promise<Page> {
  setLanguage(scene.language ?? "en");
  const page = new Page(scene.replies ?? {});
  open.push(page);
  await page.hear(...(scene.events ?? []));
  page.app.settings = { ...page.app.settings, language: scene.language ?? "en" };
  scene.before?.(page.app);
  const own = typeof scene.props === "function" ? scene.props(page) : (scene.props ?? {});
  const talk = page.app.talk === null ? {} : { talk: page.app.talk };
  await page.show(view as Component<never>, { app: page.app, ...talk, ...own });
  return page;
}

/** What jsdom does not have: an observer that the test itself lets see. */
export class Observer {
  static all: Observer[] = [];
  constructor(readonly see: (seen: { isIntersecting: boolean }[]) => void) {
    Observer.all.push(this);
  }
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

/** Give the document what jsdom lacks. */
export function prepare(): void {
  Observer.all = [];
  vi.stubGlobal("ResizeObserver", Observer);
  vi.stubGlobal("IntersectionObserver", Observer);
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
}

/** Put away all that a test has shown or changed. */
export async function cleanUp(): Promise<void> {
  for (const page of open) await page.close();
  open = [];
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
}
