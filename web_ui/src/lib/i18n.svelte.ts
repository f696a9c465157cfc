// Words in the person's language. Two sources, one key set each: `floater/locales` (what the core says too)
// and `web_ui/src/locales` (what only the page says).
import coreEn from "../../../floater/locales/en.json";
import coreZh from "../../../floater/locales/zh-CN.json";
import en from "../locales/en.json";
import zh from "../locales/zh-CN.json";
import { LANGUAGES, type Language } from "../bridge/api.gen";

export type Key = keyof typeof en | keyof typeof coreEn;

const WORDS: Record<Language, Record<string, string>> = {
  en: { ...coreEn, ...en },
  "zh-CN": { ...coreZh, ...zh },
};

let current = $state<Language>("zh-CN");

/** Use a language, as the core names it; English if there are no words in it. */
export function setLanguage(tag: string): void {
  current = LANGUAGES.find((known) => known === tag) ?? "en";
  document.documentElement.lang = current;
}

export function language(): Language {
  return current;
}

/** Say `key`; `{name}` in it becomes `fill.name`. A key that does not exist shows itself. */
export function t(key: Key | (string & {}), fill: Record<string, string | number> = {}): string {
  const words = WORDS[current][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => isolated(String(fill[name] ?? whole)));
}

/** Isolate what runs from right to left (a name, say), so that it turns nothing around it. */
function isolated(text: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(text) ? `\u2068${text}\u2069` : text;
}
