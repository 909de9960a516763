import { expect, test } from "vitest";
import { asked } from "./address";

const PANELS = ["alerts", "orders"] as const;

test("an address names a panel, a device, or both", () => {
  expect(asked("#panel=alerts", PANELS)).toEqual({ panel: "alerts", device: null });
  expect(asked("#device=bin%2D0042", PANELS)).toEqual({ panel: null, device: "bin-0042" });
  expect(asked("#device=%E6%A1%B6%201&panel=orders", PANELS)).toEqual({ panel: "orders", device: "桶 1" });
});

test("what an address cannot mean is passed over", () => {
  for (const hash of ["", "#", "#panel", "#panel=nothing", "#device=", `#device=${"x".repeat(65)}`]) {
    expect(asked(hash, PANELS)).toEqual({ panel: null, device: null });
  }
});
