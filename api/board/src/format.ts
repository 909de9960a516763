/** Numbers, times and spans as people read them: in the city's zone, and the language of the page. */
import { lang, t } from "./words";

let zone = "Asia/Shanghai";
const formats = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

export function useZone(name: string): void {
  zone = name;
  formats.clear();
}

function dates(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${key}${lang.value}`;
  const found = formats.get(name) as Intl.DateTimeFormat | undefined;
  if (found) return found;
  const locale = lang.value === "zh" ? "zh-CN" : "en-GB";
  const made = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  formats.set(name, made);
  return made;
}

type Time = string | number;
const millis = (at: Time): number => (typeof at === "number" ? at : Date.parse(at));

/** `14:05:09` */
export function clock(at: Time): string {
  return dates("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(millis(at));
}

/** `14:05`; with the day where it is not today. */
export function moment(at: Time): string {
  const same = dayOf(millis(at)) === dayOf(Date.now());
  if (same) return dates("hm", { hour: "2-digit", minute: "2-digit" }).format(millis(at));
  return dates("dhm", { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).format(millis(at));
}

/** `24/11/2026, 14:05` or `2026/11/24 14:05` */
export function whole(at: Time): string {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;
  return dates("whole", options).format(millis(at));
}

/** `2026-11-24`, the day in the city's zone. */
export function dayOf(at: number): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** When a day (`2026-11-24`) begins in the city's zone, in ms. */
export function startOf(day: string): number {
  const guess = Date.parse(`${day}T00:00:00Z`);
  return guess - offset(guess - offset(guess));
}

function offset(at: number): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at); // prettier-ignore
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - Math.floor(at / 1000) * 1000;
}

export function number(value: number, digits = 0): string {
  const name = `n${digits}${lang.value}`;
  let format = formats.get(name) as Intl.NumberFormat | undefined;
  if (!format) {
    format = new Intl.NumberFormat(lang.value === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: digits });
    formats.set(name, format);
  }
  return format.format(value);
}

/** A measured value with as many digits as help: 0.245, 3.35, 42.7, 1,567. */
export function measured(value: number): string {
  const size = Math.abs(value);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `35 s`, `12 min`, `3 h 5 min`, `2 d 4 h` */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("span.s", s);
  if (s < 3600) return t("span.min", Math.floor(s / 60));
  if (s < 86_400) return t("span.h", Math.floor(s / 3600), Math.floor((s % 3600) / 60));
  return t("span.d", Math.floor(s / 86_400), Math.floor((s % 86_400) / 3600));
}

export function kilometres(metres: number): string {
  return `${number(metres / 1000, 1)} km`;
}

export function zoneName(): string {
  return zone;
}
