/**
 * Routes that are being driven now: covered, missed and still to come, from the positions of their vehicles since the
 * shift began. Only for vehicles that are seen, a bounded number, and each time only what is new.
 */
import { all } from "../api";
import { dayOf } from "../format";
import type { FleetLive, Plan, RouteFeature, Shift } from "../types";
import type { CityMap } from "./city";
import { judge, type Fix } from "./coverage";
import { coverageAt, hoursOf, judgedRoute, readStates, readTrack, stateAt, type RouteOfDay } from "./day";
import type { Master } from "./master";

const MOST = 40; // vehicles a round: two questions each
const AT_ONCE = 3;

interface Driven {
  plan: string;
  route: RouteOfDay;
  last: Fix | null;
}

const driven = new Map<string, Driven>();
let shifts: Map<string, Shift> | null = null;
let plans = new Map<string, Plan>();
let running = false;
let again = false;

async function shiftOf(plan: string): Promise<[number, number]> {
  shifts ??= new Map((await all<Shift>("/shifts")).map((one) => [one.id, one]));
  if (!plans.has(plan)) {
    const yesterday = dayOf(Date.now() - 24 * 3600e3); // a night shift began then
    plans = new Map((await all<Plan>("/plans", { from: yesterday, to: dayOf(Date.now()), limit: 1000 })).map((one) => [one.id, one]));
  }
  const found = plans.get(plan);
  return hoursOf(shifts.get(found?.shift ?? ""), found?.on ?? dayOf(Date.now()));
}

async function follow(live: FleetLive, routes: ReadonlyMap<string, RouteFeature>): Promise<void> {
  const feature = live.progress && routes.get(live.progress.route);
  if (!live.progress || !feature) return void driven.delete(live.id);
  let held = driven.get(live.id);
  if (held?.plan !== live.progress.plan) {
    const [from, over] = await shiftOf(live.progress.plan);
    held = { plan: live.progress.plan, route: judgedRoute(feature, [], from, over), last: null };
  }
  const since = held.last ? held.last.at + 1 : held.route.from;
  const [[fixes], states] = await Promise.all([readTrack(live.id, since, Date.now()), readStates(live.id, since, Date.now())]);
  for (const fix of fixes) fix.working = stateAt(states, fix.at) === "working";
  judge(held.route.pieces, held.last ? [held.last, ...fixes] : fixes, held.route.tolerance);
  held.last = fixes.at(-1) ?? held.last;
  driven.set(live.id, held);
}

/** Bring what is drawn up to date. A vehicle that cannot be read stays as it was. */
export async function coverNow(map: CityMap, master: Master, live: readonly FleetLive[]): Promise<void> {
  if (running) {
    again = true;
    return;
  }
  running = true;
  const routes = new Map(master.routes.filter((one) => one.properties.role === "route").map((one) => [one.properties.id, one]));
  const active = live.filter((one) => one.progress);
  const ids = new Set(active.map((one) => one.id));
  for (const id of driven.keys()) if (!ids.has(id)) driven.delete(id);
  const left = active.filter((one) => map.sees(one.id)).slice(0, MOST);
  const work = async (): Promise<void> => {
    for (let one = left.shift(); one; one = left.shift()) await follow(one, routes).catch(() => undefined);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  map.put("done", coverageAt([...driven.values()].map((one) => one.route), Date.now(), map).items);
  running = false;
  if (!again) return;
  again = false;
  await coverNow(map, master, live);
}
