/** Words of a part of the pages that brings its own, in the language that is chosen for all of them. */
import { lang } from "./index";

export type Speak<K extends string> = (key: K, ...values: (string | number)[]) => string;

/** `{0}` takes what is handed in. Both languages have the same keys: the compiler sees to that. */
export function speaker<K extends string>(en: Readonly<Record<K, string>>, zh: Readonly<Record<K, string>>): Speak<K> {
  return (key, ...values) => {
    const text = (lang.value === "zh" ? zh : en)[key];
    return values.length ? text.replace(/\{(\d)\}/g, (_, place: string) => String(values[Number(place)] ?? "")) : text;
  };
}
