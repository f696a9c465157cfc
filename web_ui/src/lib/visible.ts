// Makes peer text safe to look at: what would turn the line around or hide in it is taken out.
// The core has cleaned names; texts come as they were said, and only their show is changed here.

/* eslint-disable no-control-regex -- control characters are what is taken out */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g;
const MARKS = /(\p{M}{3})\p{M}+/gu;

/** Text without control, bidi-override and zero-width characters, and with at most three marks on one letter. */
export function visible(text: string): string {
  return text.replace(HIDDEN, "").replace(MARKS, "$1");
}
