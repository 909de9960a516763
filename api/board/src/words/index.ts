/** The language of the page: chosen, remembered, and switched without a reload. */
import { effect, signal } from "@preact/signals";
import type { Lang } from "../types";
import { en, type Key } from "./en";
import { zh } from "./zh";

export type { Key } from "./en";

const WORDS = { en, zh };
const STORED = "sanihub.language";

function first(): Lang {
  const kept = localStorage.getItem(STORED);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const lang = signal<Lang>(first());

effect(() => {
  document.documentElement.lang = lang.value === "zh" ? "zh-CN" : "en";
  document.title = WORDS[lang.value]["app.title"];
});

export function switchLanguage(): void {
  lang.value = lang.value === "zh" ? "en" : "zh";
  localStorage.setItem(STORED, lang.value);
}

/** The words of a key in the language of the page. */
export function t(key: Key, ...values: (string | number)[]): string {
  const text: string = WORDS[lang.value][key];
  return values.length ? text.replace(/\{(\d)\}/g, (_, place: string) => String(values[Number(place)] ?? "")) : text;
}

/** The words of a key that is put together from data, or the data itself where nobody knows a word for it. */
export function named(prefix: string, name: string): string {
  const words: Record<string, string> = WORDS[lang.value];
  return words[`${prefix}.${name}`] ?? name.replaceAll("_", " ");
}

/** The title in the language of the page of what has one in both. */
export function titled(one: { name?: string; name_zh?: string; title?: string; title_zh?: string; id?: string }): string {
  const chinese = one.title_zh || one.name_zh;
  const english = one.title || one.name; // a metric's name is its key; its title is for people
  return (lang.value === "zh" ? chinese || english : english || chinese) || one.id || "";
}

export type WordKey = Key;
