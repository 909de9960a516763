// @vitest-environment node
import { expect, test, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => "en", setItem: () => undefined });
vi.stubGlobal("document", { documentElement: {} });
const { dayOf, measured, span, startOf, useZone } = await import("./format");

test("a day begins at midnight of the city, also where clocks are changed", () => {
  useZone("Asia/Shanghai");
  expect(new Date(startOf("2026-11-24")).toISOString()).toBe("2026-11-23T16:00:00.000Z");
  expect(dayOf(Date.parse("2026-11-23T16:00:00Z"))).toBe("2026-11-24");
  useZone("Europe/Berlin");
  expect(new Date(startOf("2026-03-29")).toISOString()).toBe("2026-03-28T23:00:00.000Z");
  expect(new Date(startOf("2026-03-30")).toISOString()).toBe("2026-03-29T22:00:00.000Z");
  useZone("America/Santiago"); // its clocks change at midnight
  expect(dayOf(startOf("2026-09-07"))).toBe("2026-09-07");
});

test("values have the digits that help", () => {
  expect([0.2451, 3.353, 42.71, 1567.4].map(measured)).toEqual(["0.245", "3.35", "42.7", "1,567"]);
  expect([35, 725, 11_100, 190_000].map(span)).toEqual(["35 s", "12 min", "3 h 5 min", "2 d 4 h"]);
});
