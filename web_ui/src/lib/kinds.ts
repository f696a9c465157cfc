// What a file is, in a word that people use.

export type Kind = "picture" | "sound" | "video" | "text" | "pdf" | "archive" | "program" | "file";

const KINDS: [RegExp, Kind][] = [
  [/^image\//, "picture"],
  [/^audio\/|^application\/ogg$/, "sound"],
  [/^video\//, "video"],
  [/shellscript|executable|mach-binary/, "program"],
  [/^text\//, "text"],
  [/pdf$/, "pdf"],
  [/zip|7z|rar|x-tar/, "archive"],
];

/** The kind of a MIME type. */
export function kind(contentType: string): Kind {
  return KINDS.find(([types]) => types.test(contentType))?.[1] ?? "file";
}
