// What is being tried while two are connected, as keys of the locales, one a sentence.
import { PATH_KINDS, type Technique, type TryingEvent } from "../bridge/api.gen";
import type { Key } from "./i18n.svelte";

const GUESSES: readonly string[] = ["prediction", "block_scan", "birthday"] satisfies Technique[];

/** What to say; `hides` is whether the person hides their address. Before the first event: what will be tried. */
export function sayTrying(trying: TryingEvent | null, hides: boolean): Key[] {
  if (hides) return ["trying.hidden"];
  if (!trying?.kinds.length) return ["trying.begins"];
  const [lan, direct, relay] = PATH_KINDS.map((kind) => trying.kinds.includes(kind));
  if (!lan && !direct) return ["trying.relay"];
  const guesses = direct && GUESSES.includes(trying.technique);
  const now = guesses
    ? "trying.guesses"
    : lan && direct
      ? "trying.both"
      : lan
        ? "trying.lan"
        : "trying.direct";
  return relay ? [now, "trying.relay_too"] : [now];
}
