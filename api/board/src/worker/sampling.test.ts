import { expect, test } from "vitest";
import { apart, check, positioned, ticking, towards, worth, type Seen } from "./sampling";

const seen = (at: number, metres = 0, accuracy = 8): Seen => ({ at, lat: 30.57 + metres / 111_195, lon: 114.3, accuracy, altitude: null, speed: 1.2, heading: NaN });

test("positions are shared when somebody has moved, or once a minute", () => {
  expect(worth(null, seen(0))).toBe(true);
  expect(worth(seen(0), seen(5_000, 50))).toBe(false);
  expect(worth(seen(0), seen(5_000, 50), 10_000)).toBe(true); // it came too soon, and is shared later
  expect(worth(seen(0), seen(10_000, 50))).toBe(true);
  expect(worth(seen(0), seen(30_000, 3))).toBe(false);
  expect(worth(seen(0), seen(60_000))).toBe(true);
});

test("what says nothing about a street is not shared", () => {
  expect(worth(null, seen(0, 0, 400))).toBe(false);
  expect(worth(null, seen(0, 0, NaN))).toBe(false);
  expect(worth(seen(0), seen(20_000, 12, 80))).toBe(false); // within what the phone is unsure of
});

test("a message is what a badge would say", () => {
  expect(positioned(seen(1_000))).toEqual({
    ts: "1970-01-01T00:00:01.000Z", readings: { on_duty: 1 }, fix: { lat: 30.57, lon: 114.3, speed_kmh: 4.3 },
  }); // prettier-ignore
  const out = check("check_out", 1_000, "limit");
  expect(out.readings).toEqual({ on_duty: 0 });
  expect(out.events).toEqual([{ kind: "check_out", ts: out.ts, attributes: { by: "limit" } }]);
});

test("no two messages have the same time, whatever the phone's clock does", () => {
  const times = [5, 5, 3, 9.4];
  const now = ticking(() => times.shift() ?? 0);
  expect([now(), now(), now(), now()]).toEqual([5, 6, 7, 9]);
});

test("distances and directions on the way to an order", () => {
  const here = { lat: 30.57, lon: 114.3 };
  expect(apart(here, { lat: 30.571, lon: 114.3 })).toBeCloseTo(111.2, 0);
  expect([towards(here, { lat: 30.6, lon: 114.3 }), towards(here, { lat: 30.57, lon: 114.2 }), towards(here, { lat: 30.56, lon: 114.31 })]).toEqual(["north", "west", "southeast"]);
});
