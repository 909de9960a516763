import { expect, test } from "vitest";
import { unmoved, wgs84ToGcj02 } from "../map/datum";
import { unplaced } from "./place";

test("a place that is pointed out on the map is where it is on the earth, whatever the tiles' datum", () => {
  const [lon, lat] = wgs84ToGcj02(114.3055, 30.5721);
  expect(Math.abs(lon - 114.3055)).toBeGreaterThan(0.004);
  expect(unplaced(wgs84ToGcj02, lon, lat)).toEqual({ lat: 30.5721, lon: 114.3055 });
  expect(unplaced(unmoved, 114.3055, 30.5721)).toEqual({ lat: 30.5721, lon: 114.3055 });
});
