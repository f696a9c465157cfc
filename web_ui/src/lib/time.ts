// Times and sizes as people say them.
import type { Language } from "../bridge/api.gen";

const about: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
/** One for each language: each is many kilobytes. */
const clocks: Record<Language, Intl.DateTimeFormat> = {
  en: new Intl.DateTimeFormat("en", about),
  "zh-CN": new Intl.DateTimeFormat("zh-CN", about),
};

/** `14:05`, in the person's way. */
export function clock(at: Date, language: Language): string {
  return clocks[language].format(at);
}

/** Seconds as `0:07`, `12:30`, `1:02:03`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(s / 60) % 60, s % 60].map((n) => String(n).padStart(2, "0"));
  const hours = Math.floor(s / 3600);
  return hours ? `${hours}:${parts.join(":")}` : parts.join(":").replace(/^0/, "");
}

/** Bytes as `512 B`, `1.5 MB` (powers of 1000, as file managers count). */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = bytes;
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  return `${unit && n < 9.95 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}
