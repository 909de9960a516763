import { expect, test } from "vitest";
import { EN, ZH } from "./phrases";
import { EN as INCIDENTS_EN, ZH as INCIDENTS_ZH } from "../incidents/phrases";
import { EN as ORDERS_EN, ZH as ORDERS_ZH } from "../orders/phrases";

const places = (text: string): string[] => [...text.matchAll(/\{\d\}/g)].map((one) => one[0]).sort();

test.each([["worker", EN, ZH], ["orders", ORDERS_EN, ORDERS_ZH], ["incidents", INCIDENTS_EN, INCIDENTS_ZH]] as const)("both languages of %s take the same values", (_, en, zh) => {
  for (const [key, text] of Object.entries(en)) {
    const chinese = (zh as Record<string, string>)[key] ?? "";
    expect(chinese, key).not.toBe("");
    expect(places(chinese), key).toEqual(places(text));
  }
}); // prettier-ignore
