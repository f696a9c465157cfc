// Light, dark, high contrast, or as the system has it.
import type { Look } from "../bridge/api.gen";

export class Appearance {
  look = $state<Look>("auto");

  #dark = window.matchMedia?.("(prefers-color-scheme: dark)");
  #contrast = window.matchMedia?.("(prefers-contrast: more)");

  constructor() {
    for (const query of [this.#dark, this.#contrast]) query?.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  choose(look: Look): void {
    this.look = look;
    this.#apply();
  }

  #apply(): void {
    const auto = this.#contrast?.matches ? "contrast" : this.#dark?.matches ? "dark" : "light";
    document.documentElement.dataset["look"] = this.look === "auto" ? auto : this.look;
  }
}
