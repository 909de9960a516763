/** Which of a phone's positions are shared, and as what. */
import type { Telemetry } from "./types";

export const WORST_M = 150; // beyond this a position says nothing about a street
const LEAST_MS = 10_000; // between two that are shared
const STILL_MS = 60_000; // standing still, a sign of duty still comes: attendance wants one in five minutes
const MOVED_M = 8;

/** What a phone says of where it is, as the browser has it. */
export interface Seen {
  at: number;
  lat: number;
  lon: number;
  accuracy: number;
  altitude: number | null;
  speed: number | null;
  heading: number | null;
}

const RADIUS_M = 6_371_009;

/** Metres between two positions. */
export function apart(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad);
  return Math.hypot(x, (b.lat - a.lat) * rad) * RADIUS_M;
}

const POINTS = ["north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"] as const;
export type Point = (typeof POINTS)[number];

/** In which direction `b` lies from `a`. */
export function towards(a: { lat: number; lon: number }, b: { lat: number; lon: number }): Point {
  const east = (b.lon - a.lon) * Math.cos((a.lat * Math.PI) / 180);
  const turn = Math.round(Math.atan2(east, b.lat - a.lat) / (Math.PI / 4));
  return POINTS[(turn + 8) % 8] as Point;
}

/** Whether a position is worth a message `now`, after the last one that was shared. What comes too soon is asked about again. */
export function worth(last: Seen | null, next: Seen, now = next.at): boolean {
  if (!(next.accuracy <= WORST_M)) return false;
  if (!last) return true;
  if (next.at <= last.at || now - last.at < LEAST_MS) return false;
  return next.at - last.at >= STILL_MS || apart(last, next) >= Math.max(MOVED_M, next.accuracy / 4);
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** A message: on duty, and where. Its time is the position's. */
export function positioned(seen: Seen): Telemetry {
  const fix: Telemetry["fix"] = { lat: rounded(seen.lat, 6), lon: rounded(seen.lon, 6) };
  if (seen.altitude !== null) fix.altitude_m = rounded(seen.altitude, 1);
  if (seen.speed !== null && Number.isFinite(seen.speed)) fix.speed_kmh = rounded(seen.speed * 3.6, 1);
  if (seen.heading !== null && Number.isFinite(seen.heading)) fix.heading_deg = rounded(seen.heading % 360, 1);
  return { ts: new Date(seen.at).toISOString(), readings: { on_duty: 1 }, fix };
}

/** A message: on duty, wherever. */
export function present(at: number): Telemetry {
  return { ts: new Date(at).toISOString(), readings: { on_duty: 1 } };
}

/** A check-in or check-out, as a badge would tell it (docs/fleet/evaluation.md). */
export function check(kind: "check_in" | "check_out", at: number, why: "person" | "limit" | "another"): Telemetry {
  const ts = new Date(at).toISOString();
  return { ts, readings: { on_duty: kind === "check_in" ? 1 : 0 }, events: [{ kind, ts, attributes: { by: why } }] };
}

/** A clock that never stands still or goes back: no two messages of a phone have the same time. */
export function ticking(now: () => number): () => number {
  let last = 0;
  return () => (last = Math.max(last + 1, Math.round(now())));
}
