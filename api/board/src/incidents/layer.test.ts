import { expect, test } from "vitest";
import { unmoved } from "../map/datum";
import { heatFeatures } from "./layer";
import type { Heat } from "./types";

const cell = (count: number) => ({ west: 114.3, south: 30.5, east: 114.31, north: 30.51, count, categories: {} });
const heat = (...counts: number[]): Heat => ({ total: 0, cells: counts.map(cell), categories: {}, areas: {}, hours: [], weekdays: [] });

test("cells are closed rings, shaded by the most of them", () => {
  const [first, second] = heatFeatures(heat(20, 5), unmoved);
  expect(first?.geometry.coordinates[0]).toEqual([[114.3, 30.5], [114.31, 30.5], [114.31, 30.51], [114.3, 30.51], [114.3, 30.5]]); // prettier-ignore
  expect([first?.properties, second?.properties]).toEqual([{ count: 20, share: 1 }, { count: 5, share: 0.25 }]);
});

test("one incident alone is not shown as many", () => {
  expect(heatFeatures(heat(1), unmoved)[0]?.properties.share).toBe(0.2);
});
