import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import coreEn from "../../../floater/locales/en.json";
import { setLanguage, t, language } from "../../src/lib/i18n.svelte";
import en from "../../src/locales/en.json";
import zh from "../../src/locales/zh-CN.json";

describe("words", () => {
  const keys = new Set([...Object.keys(en), ...Object.keys(coreEn)]);
  const source = readdirSync(join(__dirname, "../../src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith(".gen.ts"))
    .map((name) => readFileSync(join(__dirname, "../../src", name), "utf8"))
    .join("\n");

  it("has every key in every language, and none empty", () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    expect(Object.values({ ...zh, ...en, ...coreEn }).every((words) => words.trim() !== "")).toBe(true);
  });

  it("fills the same blanks in every language", () => {
    const blanks = (words: string): string[] => (words.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, words] of Object.entries(en))
      expect(
        blanks(zh[key as keyof typeof zh]).filter((b) => b !== "{peer}"),
        key,
      ).toEqual(blanks(words).filter((b) => b !== "{peer}"));
  });

  it("says nothing that has no words", () => {
    for (const [, key] of source.matchAll(/\bt\("([\w.]+)"/g)) expect(keys, key).toContain(key);
    for (const [, stem] of source.matchAll(/\bt\(`([\w.]+)\.?\$\{/g))
      expect(
        [...keys].some((key) => key.startsWith(stem!)),
        stem,
      ).toBe(true);
  });

  it("speaks the language that the core names, and English where there are no words", () => {
    setLanguage("zh-CN");
    expect([language(), t("cancel"), document.documentElement.lang]).toEqual(["zh-CN", zh.cancel, "zh-CN"]);
    setLanguage("fr");
    expect([language(), t("cancel")]).toEqual(["en", en.cancel]);
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
