import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import coreEn from "../../floater/locales/en.json";
import en from "../src/locales/en.json";
import zh from "../src/locales/zh-CN.json";
import type { PathKind } from "../src/bridge/api.gen";
import { kind } from "../src/lib/kinds";
import { pieces } from "../src/lib/links";
import { setLanguage, t } from "../src/lib/i18n.svelte";
import { size, span } from "../src/lib/time";
import { sayTrying } from "../src/lib/trying";
import { visible } from "../src/lib/visible";
import { tell } from "./helpers/events";

describe("links", () => {
  it("gives the text back when joined", () => {
    for (const text of ["", "a", "见 https://例子.cn/路?a=1。好", "http://a.b,http://c.d!", "javascript:alert(1)"])
      expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });

  it("leaves punctuation of the sentence out", () => {
    expect(pieces("看 https://a.example/x。").filter((piece) => piece.href)).toEqual([
      { text: "https://a.example/x", href: "https://a.example/x" },
    ]);
  });

  it("knows web addresses only, and none with a name and password in front", () => {
    for (const text of ["javascript:alert(1)", "file:///etc/passwd", "floater://a", "https://bank.example@evil.example/"])
      expect(pieces(text).some((piece) => piece.href)).toBe(false);
  });

  it("shows look-alike hosts as they really are", () => {
    expect(pieces("https://аpple.com/")[0]!.href).toBe("https://xn--pple-43d.com/");
  });
});

describe("what is seen", () => {
  it("takes out what turns the line around or hides in it", () => {
    expect(visible("a\u202eb\u200bc\u2066d\u0007e\ufeff")).toBe("abcde");
  });
  it("keeps lines, tabs and family emoji", () => {
    expect(visible("a\n\tb 👨‍👩‍👧")).toBe("a\n\tb 👨‍👩‍👧");
  });
  it("lets no letter climb out of its line", () => {
    expect([...visible("e" + "\u0301".repeat(50))]).toHaveLength(4);
  });
});

describe("what is being tried", () => {
  const said = (kinds: PathKind[], technique = "crossing", hides = false): string[] =>
    sayTrying(tell("trying", { kinds, technique }), hides);

  it("follows the race", () => {
    expect(sayTrying(null, false)).toEqual(["trying.begins"]);
    expect(said([])).toEqual(["trying.begins"]);
    expect(said(["lan"])).toEqual(["trying.lan"]);
    expect(said(["lan", "direct"])).toEqual(["trying.both"]);
    expect(said(["direct"])).toEqual(["trying.direct"]);
    expect(said(["direct", "relay"])).toEqual(["trying.direct", "trying.relay_too"]);
    expect(said(["relay"])).toEqual(["trying.relay"]);
  });
  it("names the guessing of ports, and not what there is no guessing for", () => {
    for (const technique of ["prediction", "block_scan", "birthday"])
      expect(said(["direct", "relay"], technique)).toEqual(["trying.guesses", "trying.relay_too"]);
    expect(said(["direct"], "hopeless")).toEqual(["trying.direct"]);
    expect(said(["lan"], "birthday")).toEqual(["trying.lan"]);
  });
  it("says to whoever hides their address that it stays hidden", () => {
    expect(said(["relay"], "crossing", true)).toEqual(["trying.hidden"]);
    expect(sayTrying(null, true)).toEqual(["trying.hidden"]);
  });
});

describe("times and sizes", () => {
  it("says seconds as people do", () => {
    expect([0, 7, 65, 750, 3723].map(span)).toEqual(["0:00", "0:07", "1:05", "12:30", "1:02:03"]);
  });
  it("says bytes as file managers do", () => {
    expect([0, 999, 1000, 1_500_000, 5_242_880, 1e9].map(size)).toEqual([
      "0 B", "999 B", "1.0 kB", "1.5 MB", "5.2 MB", "1.0 GB",
    ]);
  });
});

describe("kinds of files", () => {
  it("says in a word what a type means", () => {
    const types = ["image/png", "application/ogg", "video/webm", "text/plain", "text/x-shellscript", "application/pdf"];
    expect(types.map(kind)).toEqual(["picture", "sound", "video", "text", "program", "pdf"]);
    const others = ["application/x-7z-compressed", "application/vnd.microsoft.portable-executable", "application/x", ""];
    expect(others.map(kind)).toEqual(["archive", "program", "file", "file"]);
  });
});

describe("words", () => {
  const keys = new Set([...Object.keys(en), ...Object.keys(coreEn)]);
  const source = readdirSync(join(__dirname, "../src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith(".gen.ts"))
    .map((name) => readFileSync(join(__dirname, "../src", name), "utf8"))
    .join("\n");

  it("has every key in every language, and none empty", () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    expect(Object.values({ ...zh, ...en, ...coreEn }).every((words) => words.trim() !== "")).toBe(true);
  });

  it("fills the same blanks in every language", () => {
    const blanks = (words: string): string[] => (words.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, words] of Object.entries(en))
      expect(blanks(zh[key as keyof typeof zh]).filter((b) => b !== "{peer}"), key).toEqual(
        blanks(words).filter((b) => b !== "{peer}"),
      );
  });

  it("says nothing that has no words", () => {
    for (const [, key] of source.matchAll(/\bt\("([\w.]+)"/g)) expect(keys, key).toContain(key);
    for (const [, stem] of source.matchAll(/\bt\(`([\w.]+)\.?\$\{/g))
      expect([...keys].some((key) => key.startsWith(stem!)), stem).toBe(true);
  });

  it("keeps a name that runs the other way to itself", () => {
    setLanguage("en");
    expect(t("home.hello", { name: "Ann" })).toBe("Hello, Ann");
    expect(t("home.hello", { name: "דנה" })).toBe("Hello, \u2068דנה\u2069");
  });

  it("has no words that nobody says", () => {
    const stems = [...source.matchAll(/`([\w]*\.?[\w]*[._])\$\{/g)].map((match) => match[1]!);
    const dynamic = ["sign_up.", "log_in.", "forgot.", "check_mail.", "reset."];
    for (const key of Object.keys(en)) {
      const said = source.includes(`"${key}"`) || [...stems, ...dynamic].some((stem) => key.startsWith(stem));
      expect(said, key).toBe(true);
    }
  });
});
