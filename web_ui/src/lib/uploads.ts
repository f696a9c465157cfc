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
      } else {
        await this.#one(file);
      }
    }
  }

  async #one(file: File): Promise<void> {
    try {
      const body = new Uint8Array(await file.arrayBuffer()); // of a folder it fails
      const query = new URLSearchParams({
        talk: this.talk,
        name: file.name || "image.png",
        size: String(body.length),
      });
      const readable = String(query).replaceAll("+", "%20"); // to Qt, a plus is no space
      const answer = await fetch(`floater://media/upload?${readable}`, { method: "POST", body });
      const said = await answer.text();
      const upload = Number(said); // a number, or the code why it was not kept
      if (upload > 0) await this.app.do({ command: "send_upload", talk: this.talk, upload });
      else this.app.say(t(said === "disk_full" ? "talk.upload_no_room" : "talk.upload_not_kept"), true);
    } catch {
      this.app.say(t("talk.upload_failed"), true);
    }
  }
}
