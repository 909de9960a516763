/** What is planned, for the map: routes, areas, places; and how far each route has come. Read once, progress every while. */
import type { Feature, LineString, MultiLineString, Geometry } from "geojson";
import { all, features } from "../api";
import type { FleetLive, PlaceBody, Position, RouteFeature } from "../types";
import { titled } from "../words";
import type { Place } from "./datum";

export interface Master {
  routes: RouteFeature[];
  areas: RouteFeature[];
  places: PlaceBody[];
}

export async function readMaster(): Promise<Master> {
  const [routes, areas, places] = await Promise.all([
    features<RouteFeature>("/routes", { limit: 1000 }),
    features<RouteFeature>("/areas", { limit: 1000 }),
    all<PlaceBody>("/places", { limit: 1000 }),
  ]);
  return { routes, areas, places };
}

type Nested = Position | Nested[];

function moved(part: Nested, place: Place): Nested {
  if (typeof part[0] === "number") return place(part[0], part[1] as number);
  return (part as Nested[]).map((one) => moved(one, place));
}

function shape(one: RouteFeature, place: Place): Geometry {
  return { type: one.geometry.type, coordinates: moved(one.geometry.coordinates as Nested, place) } as Geometry;
}

export function routeFeatures(master: Master, place: Place): Feature[] {
  return master.routes
    .filter((one) => one.properties.role === "route")
    .map((one) => ({ type: "Feature", geometry: shape(one, place), properties: { id: one.properties.id } }));
}

export function areaFeatures(master: Master, place: Place): Feature[] {
  return master.areas.map((one) => ({ type: "Feature", geometry: shape(one, place), properties: { id: one.properties.id } }));
}

export function placeFeatures(master: Master, place: Place): Feature[] {
  return master.places.map((one) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: place(one.lon, one.lat) },
    properties: { id: one.id, role: one.role, label: titled(one) },
  }));
}

export function linesOf(route: RouteFeature): Position[][] {
  return route.geometry.coordinates as Position[][];
}

/** Metres between two positions, flat: good to a thousandth over a city. */
export function metres(a: Position, b: Position): number {
  const x = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) * Math.PI) / 360);
  return Math.hypot(x, b[1] - a[1]) * 111_194.9;
}

/** The lines up to `along` metres, and what follows. */
export function cut(lines: Position[][], along: number): [Position[][], Position[][]] {
  const before: Position[][] = [];
  const after: Position[][] = [];
  let left = along;
  for (const line of lines) {
    const head: Position[] = [];
    const tail: Position[] = [];
    line.forEach((point, index) => {
      const last = line[index - 1];
      if (left <= 0 && index > 0) {
        tail.push(point);
        return;
      }
      const length = last ? metres(last, point) : 0;
      if (!last || length <= left) {
        head.push(point);
        left -= length;
        if (left <= 0) tail.push(point);
        return;
      }
      const share = left / length;
      const middle: Position = [last[0] + (point[0] - last[0]) * share, last[1] + (point[1] - last[1]) * share];
      head.push(middle);
      tail.push(middle, point);
      left = 0;
    });
    if (head.length > 1) before.push(head);
    if (tail.length > 1) after.push(tail);
  }
  return [before, after];
}

/** The routes that are being driven, each in what is behind the vehicle and what is before it. */
export function progressFeatures(master: Master, live: readonly FleetLive[], place: Place): Feature<LineString | MultiLineString>[] {
  const routes = new Map(master.routes.filter((one) => one.properties.role === "route").map((one) => [one.properties.id, one]));
  return live.flatMap((one) => {
    const route = one.progress && routes.get(one.progress.route);
    if (!route || !one.progress) return [];
    const [done, todo] = cut(linesOf(route), one.progress.progress_m ?? 0);
    const feature = (part: string, lines: Position[][]): Feature<MultiLineString> => ({
      type: "Feature",
      geometry: { type: "MultiLineString", coordinates: moved(lines, place) as Position[][] },
      properties: { id: `${one.id}-${part}`, part },
    });
    return [feature("todo", todo), feature("done", done)].filter((each) => each.geometry.coordinates.length);
  });
}
