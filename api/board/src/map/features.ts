/** Devices as features of the map. */
import type { Feature, Point } from "geojson";
import { fillLevel, onDuty, workState, type Device } from "../devices";
import type { Place } from "./datum";

export type Mark = Feature<Point, Record<string, unknown>>;

const SOURCE: Record<string, string> = { vehicle: "vehicles", bin: "bins", toilet: "toilets", worker: "workers" };

/** The source that a device is drawn from. */
export function sourceOf(device: Device): string {
  return SOURCE[device.kind] ?? "others";
}

/** What the map draws of a device; null where nobody knows its place, or it is not to be seen. */
export function mark(device: Device, place: Place): Mark | null {
  if (device.lat === null || device.lon === null) return null;
  if (device.kind === "worker" && !onDuty(device)) return null; // where people are when off duty is nobody's business
  return { type: "Feature", id: device.id, geometry: { type: "Point", coordinates: place(device.lon, device.lat) }, properties: properties(device) };
}

function properties(device: Device): Record<string, unknown> {
  const { id, readings } = device;
  if (device.kind === "bin") {
    const fill = readings["fill_pct"];
    return { id, fill: fill ?? -1, number: fill === undefined ? "" : String(Math.round(fill)), level: fillLevel(fill) };
  }
  if (device.kind === "vehicle") {
    const state = workState(device);
    const moving = (device.speed ?? 0) > 1 && state !== "no_data" && state !== "off" && device.heading !== null;
    return { id, name: device.name || id, icon: `vehicle-${state}${moving ? "" : "-still"}`, heading: moving ? device.heading : 0 };
  }
  if (device.kind === "worker") return { id, duty: true };
  return { id };
}
