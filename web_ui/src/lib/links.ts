// Finds web addresses in a text, to be shown as what they are and never fetched by the page.

export type Piece = { text: string; href?: string };

const LINK = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uff0f]+/gi;
const TRAILING = /[.,;:!?)\]}'"。，；：！？）】」』]$/;
/** An address with a host in ASCII, up to the Chinese, Japanese or Korean words that follow without a space. */
const BEFORE_HAN =
  /^https?:\/\/[a-z0-9.-]+\.[a-z]{2,}(?:[^\p{L}].*?)?(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}])/iu;
const OPENS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

/** Cut a text into plain pieces and addresses. Joining their `text` gives the text back. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const raw = ended(match[0]);
    const href = address(raw);
    if (href === null) continue;
    if (match.index > at) found.push({ text: text.slice(at, match.index) });
    found.push({ text: raw, href });
    at = match.index + raw.length;
  }
  if (at < text.length || found.length === 0) found.push({ text: text.slice(at) });
  return found;
}

/** An address without what belongs to the sentence around it. A bracket that was opened in it stays. */
function ended(found: string): string {
  let raw = BEFORE_HAN.exec(found)?.[0] ?? found;
  while (TRAILING.test(raw)) {
    const last = raw.slice(-1);
    const opens = OPENS[last];
    if (opens && raw.split(opens).length >= raw.split(last).length) break;
    raw = raw.slice(0, -1);
  }
  return raw;
}

/** The address as the browser will read it, host in ASCII, so that look-alike letters show; null if it is none. */
export function address(raw: string): string | null {
  try {
    const url = new URL(raw);
    return (url.protocol === "http:" || url.protocol === "https:") && !url.username && !url.password
      ? url.href
      : null;
  } catch {
    return null;
  }
}
