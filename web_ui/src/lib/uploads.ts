// Pasted and dropped files: their bytes go to the shell as one request, never through the channel of words.
import { MAX_UPLOAD } from "../bridge/shell.gen";
import type { App } from "../models/app.svelte";
import { size } from "./time";
import { t } from "./i18n.svelte";

export class Uploads {
  constructor(
    private readonly app: App,
    private readonly talk: string,
  ) {}

  /** Offer every file of a paste or a drop, one after the other. */
  async send(files: FileList | undefined | null): Promise<void> {
    for (const file of Array.from(files ?? [])) {
      if (file.size > MAX_UPLOAD) {
        this.app.say(t("talk.too_large_to_drop", { size: size(MAX_UPLOAD) }), true);
      } else if (file.size > 0) {
        await this.#one(file);
      }
    }
  }

  async #one(file: File): Promise<void> {
    const body = new Uint8Array(await file.arrayBuffer());
    const query = new URLSearchParams({
      talk: this.talk,
      name: file.name || "image.png",
      size: String(body.length),
    });
    try {
      const answer = await fetch(`floater://media/upload?${query}`, { method: "POST", body });
      await this.app.do({ command: "send_upload", talk: this.talk, upload: Number(await answer.text()) });
    } catch {
      this.app.say(t("talk.upload_failed"), true);
    }
  }
}
