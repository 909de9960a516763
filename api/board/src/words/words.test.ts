import { expect, test } from "vitest";
import { en } from "./en";
import { zh } from "./zh";

const places = (text: string): string[] => [...text.matchAll(/\{\d\}/g)].map((one) => one[0]).sort();

test("both languages say the same things", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect(zh[key], key).not.toBe("");
    expect(places(zh[key]), key).toEqual(places(en[key]));
  }
});
