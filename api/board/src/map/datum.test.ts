import { expect, test } from "vitest";
import pairs from "./datum.pairs.json";
import { placer, wgs84ToGcj02 } from "./datum";

test("positions are moved as devices/datum.py moves them", () => {
  expect(pairs.length).toBeGreaterThan(20);
  for (const { wgs84, gcj02 } of pairs) {
    const [lon, lat] = wgs84ToGcj02(wgs84[0] as number, wgs84[1] as number);
    expect(lon).toBeCloseTo(gcj02[0] as number, 9);
    expect(lat).toBeCloseTo(gcj02[1] as number, 9);
  }
});

test("nothing moves outside of China, nor over tiles of WGS-84", () => {
  expect(placer("gcj02")(2.35, 48.86)).toEqual([2.35, 48.86]);
  expect(placer("wgs84")(114.3, 30.5)).toEqual([114.3, 30.5]);
});
