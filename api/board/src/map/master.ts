/** What is planned, for the map: routes, areas, places. */
import type { Feature, Geometry } from "geojson";
import { all, features } from "../api";
import type { PlaceBody, Position, RouteFeature } from "../types";
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
