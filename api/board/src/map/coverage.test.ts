import { expect, test } from "vitest";
import type { Position } from "../types";
import { judge, partAt, partsAt, pieces, type Fix } from "./coverage";

// A street of about 1,000 m to the east, and positions along it every ten seconds.
const EAST = 1000 / (111_194.9 * Math.cos((30 * Math.PI) / 180));
const street: Position[] = [[114, 30], [114 + EAST, 30]]; // prettier-ignore
const drive = (from: number, to: number, start: number, working: boolean, lat = 30): Fix[] =>
  Array.from({ length: 11 }, (_, n) => ({ at: start + n * 10_000, lon: 114 + EAST * (from + ((to - from) * n) / 10), lat, working }));

test("what was driven while working is covered, and from then on", () => {
  const route = judge(pieces([street]), drive(0, 0.5, 0, true), 15);
  expect(partsAt(route, 200_000, 1e9).covered).toBeGreaterThan(480);
  expect(partsAt(route, 200_000, 1e9).covered).toBeLessThan(540);
  expect(partsAt(route, 50_000, 1e9).covered).toBeLessThan(290);
  expect(partsAt(route, -1, 1e9).covered).toBe(0);
});

test("driving along without work is not covering, and work afterwards mends it", () => {
  const route = judge(pieces([street]), [...drive(0, 1, 0, false), ...drive(1, 0, 200_000, true)], 15);
  expect(route.map((one) => partAt(one, 150_000, 1e9))).toEqual(route.map(() => "passed"));
  expect(route.map((one) => partAt(one, 400_000, 1e9))).toEqual(route.map(() => "covered"));
});

test("what is not covered when the shift is over is missed", () => {
  const route = judge(pieces([street]), drive(0, 0.5, 0, true), 15);
  const { lines } = partsAt(route, 2e9, 1e9);
  expect(lines.pending).toEqual([]);
  expect(lines.missed).toHaveLength(1);
  expect(lines.missed[0]?.at(-1)).toEqual(street[1]);
});

test("a parallel street, and a jump over a gap of data, cover nothing", () => {
  const aside = judge(pieces([street]), drive(0, 1, 0, true, 30.0004), 15); // 44 m to the north
  expect(partsAt(aside, 1e9, 2e9).covered).toBe(0);
  const ends: Fix[] = [{ at: 0, lon: 114, lat: 30, working: true }, { at: 600_000, lon: 114 + EAST, lat: 30, working: true }]; // prettier-ignore
  expect(partsAt(judge(pieces([street]), ends, 15), 1e9, 2e9).covered).toBeLessThan(60);
});
