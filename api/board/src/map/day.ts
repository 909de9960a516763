/** A vehicle's day: where it was, what it did, which routes it was to drive; and how that is drawn up to an instant. */
import type { Feature } from "geojson";
import { all, features, get } from "../api";
import { startOf } from "../format";
import type { Plan, Position, RouteFeature, Series, Shift, Track, WorkState } from "../types";
import type { CityMap } from "./city";
import { judge, partsAt, pieces, type Fix, type Part, type Piece } from "./coverage";
import { linesOf, metres } from "./plane";

const DAY_MS = 24 * 3600e3;
const STATES: readonly WorkState[] = ["no_data", "off", "idle", "transit", "working"];
const GAP_MS = 5 * 60e3; // without a position for so long, nobody knows where it was
const MOST_FIXES = 40_000;

export interface Stretch {
  from: number;
  to: number;
  state: WorkState;
}

export interface RouteOfDay {
  id: string;
  pieces: Piece[];
  length: number;
  tolerance: number;
  /** The shift in which it is to be driven, ms. */
  from: number;
  over: number;
}

export interface DayOf {
  vehicle: string;
  day: string;
  start: number;
  end: number;
  fixes: Fix[];
  headings: (number | null)[];
  states: Stretch[];
  routes: RouteOfDay[];
}

const iso = (at: number): string => new Date(at).toISOString();

/** The bounds of a day in the city's zone. */
export function boundsOf(day: string): [number, number] {
  const start = startOf(day);
  return [start, startOf(nextDay(day, start))];
}

function nextDay(day: string, start: number): string {
  const next = new Date(Date.parse(`${day}T12:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
  return start ? next : day;
}

export async function readTrack(vehicle: string, from: number, to: number): Promise<[Fix[], (number | null)[]]> {
  const fixes: Fix[] = [];
  const headings: (number | null)[] = [];
  let cursor: string | null = null;
  do {
    const page: Track = await get<Track>(`/devices/${vehicle}/track`, { from: iso(from), to: iso(to), limit: 10_000, cursor });
    (page.geometry?.coordinates ?? []).forEach(([lon, lat], index) => {
      fixes.push({ at: Date.parse(page.properties.coordTimes[index] as string), lon, lat, working: false });
      headings.push(page.properties.headings_deg[index] ?? null);
    });
    cursor = page.next_cursor;
  } while (cursor && fixes.length < MOST_FIXES);
  return [fixes, headings];
}

export async function readStates(vehicle: string, from: number, to: number): Promise<Stretch[]> {
  const points: { observed_at: string; value: number }[] = [];
  let cursor: string | null = null;
  do {
    const page: Series = await get<Series>(`/devices/${vehicle}/series`, { metric: "work_state", from: iso(from - 4 * 3600e3), to: iso(to), limit: 10_000, cursor });
    points.push(...(page.points ?? []));
    cursor = page.next_cursor;
  } while (cursor);
  return points
    .map((one, index) => ({
      from: Math.max(from, Date.parse(one.observed_at)),
      to: Date.parse(points[index + 1]?.observed_at ?? iso(Math.min(to, Date.now()))),
      state: STATES[one.value] ?? "no_data",
    }))
    .filter((one) => one.to > one.from);
}

export function stateAt(states: readonly Stretch[], at: number): WorkState {
  let [low, high] = [0, states.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if ((states[half] as Stretch).from <= at) low = half + 1;
    else high = half;
  }
  const found = states[low - 1];
  return found && at < found.to ? found.state : "no_data";
}

async function readRoutes(vehicle: string, day: string, fixes: readonly Fix[]): Promise<RouteOfDay[]> {
  const plans = (await all<Plan>("/plans", { from: day, vehicle })).filter((plan) => plan.route);
  if (!plans.length) return [];
  const shifts = new Map((await all<Shift>("/shifts")).map((one) => [one.id, one]));
  const found: RouteOfDay[] = [];
  for (const plan of plans) {
    const [from, over] = hoursOf(shifts.get(plan.shift), day);
    const at = iso(Math.min(startOf(day) + DAY_MS / 2, Date.now()));
    const [route] = (await features<RouteFeature>(`/routes/${plan.route}`, { at })).filter((one) => one.properties.role === "route");
    if (route) found.push(judgedRoute(route, fixes, from, over));
  }
  return found;
}

/** When a shift of that day begins and ends, ms; the whole day where the shift is not known. */
export function hoursOf(shift: Shift | undefined, day: string): [number, number] {
  const [hours = 0, minutes = 0] = (shift?.start ?? "00:00").split(":").map(Number);
  const start = startOf(day) + (hours * 60 + minutes) * 60e3;
  return [start, start + (shift?.length_min ?? 1440) * 60e3];
}

/** A route, judged by the positions within its shift. */
export function judgedRoute(route: RouteFeature, fixes: readonly Fix[], from: number, over: number): RouteOfDay {
  const tolerance = route.properties.tolerance_m;
  const within = fixes.filter((fix) => fix.at >= from && fix.at <= over);
  const cut = judge(pieces(linesOf(route)), within, tolerance);
  return { id: route.properties.id, pieces: cut, length: cut.reduce((sum, one) => sum + one.metres, 0), tolerance, from, over };
}

/** All of a vehicle's day. `routes` false: only where it was. */
export async function readDay(vehicle: string, day: string, routes = true): Promise<DayOf> {
  const [start, end] = boundsOf(day);
  const [[fixes, headings], states] = await Promise.all([readTrack(vehicle, start, end), readStates(vehicle, start, end)]);
  for (const fix of fixes) fix.working = stateAt(states, fix.at) === "working";
  return { vehicle, day, start, end, fixes, headings, states, routes: routes ? await readRoutes(vehicle, day, fixes) : [] };
}

/** The number of positions at or before an instant. */
export function countAt(day: DayOf, at: number): number {
  let [low, high] = [0, day.fixes.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if ((day.fixes[half] as Fix).at <= at) low = half + 1;
    else high = half;
  }
  return low;
}

/** Where the vehicle was, between two positions in proportion; null before the first one. */
export function whereAt(day: DayOf, at: number): { lon: number; lat: number; heading: number | null } | null {
  const count = countAt(day, at);
  const last = day.fixes[count - 1];
  if (!last) return null;
  const next = day.fixes[count];
  const heading = day.headings[count - 1] ?? null;
  if (!next || next.at - last.at > GAP_MS) return { lon: last.lon, lat: last.lat, heading };
  const share = (at - last.at) / (next.at - last.at);
  return { lon: last.lon + (next.lon - last.lon) * share, lat: last.lat + (next.lat - last.lat) * share, heading };
}

/** The way up to an instant, a line for each stretch of one state. */
export function trackFeatures(day: DayOf, at: number, since: number, map: CityMap): Feature[] {
  const found: Feature[] = [];
  let line: Position[] = [];
  let state = "";
  const end = (): void => {
    if (line.length > 1) found.push({ type: "Feature", geometry: { type: "LineString", coordinates: line }, properties: { id: found.length, state } });
  };
  const count = countAt(day, at);
  for (let index = countAt(day, since); index < count; index++) {
    const fix = day.fixes[index] as Fix;
    const before = day.fixes[index - 1];
    const now = stateAt(day.states, fix.at);
    const point = map.place(fix.lon, fix.lat);
    if (now !== state || (before && fix.at - before.at > GAP_MS)) {
      const gap = before && fix.at - before.at > GAP_MS;
      const last = line.at(-1);
      end();
      line = last && !gap ? [last] : [];
      state = now;
    }
    line.push(point);
  }
  end();
  return found;
}

export function vehicleFeature(day: DayOf, at: number, map: CityMap): Feature | null {
  const where = whereAt(day, at);
  if (!where) return null;
  const state = stateAt(day.states, at);
  const still = state === "off" || state === "no_data" || where.heading === null;
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: map.place(where.lon, where.lat) },
    properties: { id: day.vehicle, icon: `vehicle-${state}${still ? "-still" : ""}`, heading: still ? 0 : where.heading },
  };
}

/** Routes at an instant, as lines to draw, and what of them is covered. */
export function coverageAt(routes: readonly RouteOfDay[], at: number, map: CityMap): { items: Feature[]; covered: number; length: number } {
  const items: Feature[] = [];
  let covered = 0;
  let length = 0;
  for (const route of routes) {
    const { lines, covered: metresDone } = partsAt(route.pieces, at, route.over);
    covered += metresDone;
    length += route.length;
    for (const part of ["pending", "missed", "passed", "covered"] as Part[]) {
      const coordinates = lines[part].map((line) => line.map(([lon, lat]) => map.place(lon, lat)));
      if (coordinates.length) items.push({ type: "Feature", geometry: { type: "MultiLineString", coordinates }, properties: { id: `${route.id}-${route.from}-${part}`, part } });
    }
  }
  return { items, covered, length };
}

/** The routes to draw at an instant: those of the shift that is on, else of the one before, else of the first. */
export function routesAt(day: DayOf, at: number): RouteOfDay[] {
  const begun = day.routes.filter((one) => one.from <= at);
  const last = Math.max(...begun.map((one) => one.from));
  const shown = begun.length ? begun.filter((one) => one.from === last) : day.routes.slice(0, 1);
  return shown;
}

/** Metres driven up to an instant; jumps over gaps are not counted. */
export function drivenAt(day: DayOf, at: number): number {
  let sum = 0;
  const count = countAt(day, at);
  for (let index = 1; index < count; index++) {
    const [a, b] = [day.fixes[index - 1] as Fix, day.fixes[index] as Fix];
    if (b.at - a.at <= GAP_MS) sum += metres([a.lon, a.lat], [b.lon, b.lat]);
  }
  return sum;
}

/** Draw the whole day up to an instant; `fit`: bring it into view. */
export function drawDay(map: CityMap, day: DayOf, at: number, fit: boolean): void {
  map.put("covered", coverageAt(routesAt(day, at), at, map).items);
  map.put("track", trackFeatures(day, at, day.start, map));
  if (fit && day.fixes.length) map.fitPoints(day.fixes.map((one) => [one.lon, one.lat]));
}
