/** The words of work orders, in the language that is chosen. */
import { speaker } from "../words/speaker";
import { EN, ZH, type OrderKey } from "./phrases";

export const o = speaker<OrderKey>(EN, ZH);

/** The word for a kind, state, action; what nobody knows a word for, as it is. */
function known(prefix: string, name: string): string {
  const key = `${prefix}.${name}`;
  return key in EN ? o(key as OrderKey) : name.replaceAll("_", " ");
}

export const kindOf = (name: string): string => known("kind", name);
export const stateOf = (name: string): string => known("state", name);
export const actionOf = (name: string): string => known("action", name);
