// Makes peer text safe to look at: what would turn the line around or hide in it is taken out.
// The core has cleaned names; texts come as they were said, and only their show is changed here.
// Marks are bounded as in floater/wire/visible.py; tests/vectors/visible.json holds cases for both.

/* eslint-disable no-control-regex, no-misleading-character-class -- these very characters are looked for */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
// Tags stay in a flag, and the selectors of U+E0100 after an ideograph.
const TAGS =
  /(\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f})|(\p{Ideographic}[\u{e0100}-\u{e01ef}])|[\u{e0000}-\u{e03ff}]/gu;
const NARROW =
  /[\u0300-\u036f\u0483-\u0489\u0e31-\u0ece\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/u;
const MARK = /[\p{Mn}\p{Me}]/u;
const SELECTOR = /[\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const WITHIN = /[\p{M}\p{C}]/u;

/** Text without control, bidi-override and zero-width characters, and with bounded marks on one letter. */
export function visible(text: string): string {
  return bounded(text.replace(HIDDEN, "").replace(TAGS, "$1$2"));
}

/** At most four marks on one character, and two of those that pile up in any script. */
function bounded(text: string): string {
  if (!MARK.test(text)) return text;
  let marks = 0;
  let narrow = 0;
  let kept = "";
  for (const char of text) {
    if (MARK.test(char) && !SELECTOR.test(char)) {
      const isNarrow = NARROW.test(char);
      if (marks === 4 || (isNarrow && narrow === 2)) continue;
      marks += 1;
      narrow += isNarrow ? 1 : 0;
    } else if (!WITHIN.test(char)) {
      marks = narrow = 0;
    }
    kept += char;
  }
  return kept;
}
