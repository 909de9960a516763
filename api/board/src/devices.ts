/** What is newest of every device. Thousands change every second, so they live in a plain map; readers are told in bundles. */
import { signal } from "@preact/signals";
import type { Kind, LiveDevice, StateBody, WorkState } from "./types";

export interface Device {
  id: string;
  kind: Kind;
  name: string;
  lat: number | null;
  lon: number | null;
  heading: number | null;
  speed: number | null;
  /** ms; 0: never heard */
  heardAt: number;
  readings: Record<string, number>;
}

const WORK_STATES: readonly WorkState[] = ["no_data", "off", "idle", "transit", "working"];
const SILENT_MS = 6 * 60e3; // five minutes of silence are no data (fleet.trackers.work_state), and the way here

export const devices = new Map<string, Device>();
/** Counts up, at most once a second, when devices have changed: panels that list them read it. */
export const turn = signal(0);

type Listener = (changed: ReadonlySet<string>, whole: boolean) => void;
const listeners = new Set<Listener>();
let changed = new Set<string>();
let whole = false;
let timer = 0;
let skew = 0; // the hub's clock less ours, ms

/** Called once a second at most with what has changed since; `whole`: everything was read anew. */
export function onDevices(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(): void {
  timer = 0;
  const bundle = changed;
  const all = whole;
  changed = new Set();
  whole = false;
  turn.value += 1;
  for (const listener of listeners) listener(bundle, all);
}

function touch(id: string): void {
  changed.add(id);
  timer ||= window.setTimeout(tell, 1000);
}

export function hubTime(iso: string): void {
  skew = Date.parse(iso) - Date.now();
}

export function hubNow(): number {
  return Date.now() + skew;
}

/** Take states of `/latest`. `complete`: these are all there are; others are forgotten. */
export function takeStates(states: readonly StateBody[], complete: boolean): void {
  if (complete) {
    const known = new Set(states.map((one) => one.id));
    for (const id of devices.keys()) if (!known.has(id)) devices.delete(id);
    whole = true;
  }
  for (const one of states) {
    const at = one.fix ?? one.place;
    const readings: Record<string, number> = {};
    for (const [name, reading] of Object.entries(one.readings)) readings[name] = reading.value;
    devices.set(one.id, {
      id: one.id,
      kind: one.kind,
      name: one.name,
      lat: at?.lat ?? null,
      lon: at?.lon ?? null,
      heading: one.fix?.heading_deg ?? null,
      speed: readings["speed_kmh"] ?? one.fix?.speed_kmh ?? null,
      heardAt: one.received_at ? Date.parse(one.received_at) : 0,
      readings,
    });
    touch(one.id);
  }
  if (complete && !states.length) touch("");
  if (complete) tellNow();
}

function tellNow(): void {
  clearTimeout(timer);
  tell();
}

/** Take a bundle of the stream: what is told replaces, what is not told stays. `complete`: these are all there are. */
export function takeLive(bundle: readonly LiveDevice[], complete = false): void {
  if (complete) {
    const known = new Set(bundle.map((one) => one.id));
    for (const id of devices.keys()) if (!known.has(id)) devices.delete(id);
    whole = true;
  }
  for (const one of bundle) {
    const before = devices.get(one.id);
    const readings = { ...before?.readings };
    for (const [name, told] of Object.entries(one.readings ?? {})) readings[name] = typeof told === "number" ? told : told.value;
    devices.set(one.id, {
      id: one.id,
      kind: one.kind ?? before?.kind ?? "unknown",
      name: one.name ?? before?.name ?? "",
      lat: one.lat ?? before?.lat ?? null,
      lon: one.lon ?? before?.lon ?? null,
      heading: one.heading_deg ?? before?.heading ?? null,
      speed: one.speed_kmh ?? before?.speed ?? null,
      heardAt: one.received_at ? Date.parse(one.received_at) : (before?.heardAt ?? 0),
      readings,
    });
    touch(one.id);
  }
  if (complete) tellNow();
}

export function workState(device: Device): WorkState {
  if (hubNow() - device.heardAt > SILENT_MS) return "no_data";
  return WORK_STATES[device.readings["work_state"] ?? 0] ?? "no_data";
}

export type FillLevel = "none" | "ok" | "notice" | "full" | "over";

export function fillLevel(pct: number | undefined): FillLevel {
  if (pct === undefined) return "none";
  return pct >= 95 ? "over" : pct >= 85 ? "full" : pct >= 75 ? "notice" : "ok";
}

export function onDuty(device: Device): boolean {
  return (device.readings["on_duty"] ?? 0) > 0;
}

export function label(device: Device | undefined, id: string): string {
  return device?.name || id;
}

export interface Figures {
  vehicles: number;
  states: Record<WorkState, number>;
  binsFull: number;
  workers: number;
}

/** The counts of the top line. */
export function figures(): Figures {
  const found: Figures = { vehicles: 0, states: { no_data: 0, off: 0, idle: 0, transit: 0, working: 0 }, binsFull: 0, workers: 0 };
  for (const one of devices.values()) {
    if (one.kind === "vehicle") {
      found.vehicles += 1;
      found.states[workState(one)] += 1;
    } else if (one.kind === "bin") {
      if ((one.readings["fill_pct"] ?? 0) >= 85) found.binsFull += 1;
    } else if (one.kind === "worker" && onDuty(one)) found.workers += 1;
  }
  return found;
}
