/** Lines and lengths on the ground. */
import type { Position, RouteFeature } from "../types";

export function linesOf(route: RouteFeature): Position[][] {
  return route.geometry.coordinates as Position[][];
}

/** Metres between two positions, flat: good to a thousandth over a city. */
export function metres(a: Position, b: Position): number {
  const x = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) * Math.PI) / 360);
  return Math.hypot(x, b[1] - a[1]) * 111_194.9;
}
